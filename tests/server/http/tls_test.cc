// TLS: who is let in and how, and how a certificate is read and replaced. That requests and streams are the same over
// it is shown by their own tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "server/http/certificate_keeper.h"
#include "tests/server/http/test_server.h"

namespace guidon::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using guidon::testing::Certificate;
using guidon::testing::CertificateFiles;
using guidon::testing::Eventually;
using guidon::testing::HttpAnswer;
using guidon::testing::HttpConnection;
using guidon::testing::MakeCertificate;
using guidon::testing::TemporaryFolder;
using guidon::testing::TlsClient;
using ::testing::HasSubstr;

TlsFiles FilesOf(const CertificateFiles& files) {
  return {files.certificate_file(), files.key_file(), ""};
}

class TlsTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = TestOptions()) {
    if (!options.tls) options.tls = TestTls();
    options.on_refused = [this](const RefusedRequest& refused) {
      const std::lock_guard lock(mutex_);
      refused_.push_back(refused.detail);
    };
    server_ = MustStart(options, [](const std::shared_ptr<Request>& request, const Responder& respond) {
      Response response;
      response.body = request->path;
      respond(std::move(response));
    });
  }
  void TearDown() override { server_.reset(); }

  // What a client gets, or why it gets nothing.
  std::string Ask(const TlsClient& client) const {
    try {
      HttpConnection connection(server_->port(), client);
      connection.Send(Get("/hello"));
      const HttpAnswer answer = connection.ReadAnswer();
      return answer.status == 200 ? answer.body : answer.fault;
    } catch (const std::runtime_error& fault) {
      return fault.what();
    }
  }
  bool WasRefused(std::string_view why) {
    return Eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::any_of(refused_.begin(), refused_.end(),
                         [&](const std::string& text) { return text.find(why) != std::string::npos; });
    });
  }

  std::unique_ptr<Server> server_;

 private:
  std::mutex mutex_;
  std::vector<std::string> refused_;
};

// ---- Versions and protocols --------------------------------------------------------------------------------------

TEST_F(TlsTest, NewClientsGetTls13AndThoseOf12AreServedAndOlderOnesRefused) {
  Start();
  EXPECT_STREQ(SSL_get_version(HttpConnection(server_->port(), TestTlsClient()).tls()), "TLSv1.3");
  TlsClient client = TestTlsClient();
  client.version = TLS1_2_VERSION;
  EXPECT_EQ(Ask(client), "/hello");
  const HttpConnection old(server_->port(), client);
  EXPECT_THAT(SSL_get_cipher_name(old.tls()), ::testing::MatchesRegex("ECDHE-.*(GCM|CHACHA20).*"));
  client.version = TLS1_1_VERSION;
  EXPECT_THAT(Ask(client), HasSubstr("alert protocol version"));
  EXPECT_TRUE(WasRefused("unsupported protocol"));
  EXPECT_EQ(server_->Counts().handshakes_failed, 1u);
}

TEST_F(TlsTest, TheProtocolIsHttp11AndWhoSpeaksOnlyOthersIsRefused) {
  Start();
  TlsClient client = TestTlsClient();
  client.protocols = "\x02h2\x08http/1.1";
  const HttpConnection both(server_->port(), client);
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(both.tls(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  client.protocols = "\x02h2";
  EXPECT_THAT(Ask(client), HasSubstr("no application protocol"));
}

TEST_F(TlsTest, AClientThatComesBackNeedsNoWholeHandshake) {
  Start();
  TlsClient client = TestTlsClient();
  HttpConnection first(server_->port(), client);
  first.Send(Get("/first"));
  ASSERT_EQ(first.ReadAnswer().status, 200);  // tickets come before it
  client.session = SSL_get1_session(first.tls());
  const HttpConnection second(server_->port(), client);
  EXPECT_EQ(SSL_session_reused(second.tls()), 1);
  SSL_SESSION_free(client.session);
}

TEST_F(TlsTest, WhoSpeaksHttpIsToldToSpeakTls) {
  Start();
  HttpConnection plain(server_->port());
  plain.Send(Get("/hello"));
  const HttpAnswer answer = plain.ReadAnswer();
  EXPECT_EQ(answer.status, 400) << answer.fault;
  EXPECT_THAT(answer.body, HasSubstr("ask for https://"));
  EXPECT_TRUE(plain.IsAtEnd());
}

TEST_F(TlsTest, AnEndIsAnnounced) {
  Start();
  HttpConnection client(server_->port(), TestTlsClient());
  client.Send(Get("/hello", "Connection: close\r\n"));
  EXPECT_EQ(client.ReadAnswer().status, 200);
  EXPECT_TRUE(client.IsAtEnd());
  EXPECT_TRUE(client.was_told_of_end());
}

// ---- Certificates of clients -------------------------------------------------------------------------------------

TEST_F(TlsTest, WhereClientsMustShowACertificateOnlyThatOfTheAuthorityIsTaken) {
  const CertificateFiles ours({.name = "application"}), others({.name = "stranger"});
  ServerOptions options = TestOptions();
  options.tls = MustLoad({TestCertificate().certificate_file(), TestCertificate().key_file(), ours.certificate_file()});
  Start(options);
  TlsClient client = TestTlsClient();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    client.version = version;
    client.certificate_file = client.key_file = "";
    EXPECT_NE(Ask(client), "/hello");
    client.certificate_file = others.certificate_file();
    client.key_file = others.key_file();
    EXPECT_NE(Ask(client), "/hello");
    client.certificate_file = ours.certificate_file();
    client.key_file = ours.key_file();
    EXPECT_EQ(Ask(client), "/hello");
  }
  EXPECT_TRUE(WasRefused("peer did not return a certificate"));
  EXPECT_TRUE(WasRefused("certificate verify failed: self-signed certificate"));
  EXPECT_EQ(server_->Counts().handshakes_failed, 4u);
}

// ---- Bounds ------------------------------------------------------------------------------------------------------

TEST_F(TlsTest, AHandshakeThatTakesTooLongIsClosed) {
  ServerOptions options = TestOptions();
  options.handshake_deadline = 50ms;
  Start(options);
  HttpConnection silent(server_->port()), half(server_->port());
  half.Send("\x16\x03\x01"s);
  EXPECT_TRUE(silent.IsAtEnd());
  EXPECT_TRUE(half.IsAtEnd());
  EXPECT_TRUE(Eventually([&] { return server_->Counts().connections == 0; }));
  EXPECT_EQ(server_->Counts().handshakes_failed, 2u);
}

// Promise R6.
TEST_F(TlsTest, HandshakesUnderWayAreBoundedAndOthersWaitForTheirTurn) {
  ServerOptions options = TestOptions();
  options.handshakes = 1;
  Start(options);
  std::vector<std::unique_ptr<HttpConnection>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<HttpConnection>(server_->port()));
    slow.back()->Send("\x16\x03\x01"s);
  }
  std::size_t most = 0;
  const auto look = [&] { return most = std::max(most, server_->Counts().shaking_hands); };
  ASSERT_TRUE(Eventually([&] { return look() > 0 && server_->Counts().connections == 4; }));
  for (int i = 0; i < 20; ++i, testing::Pause()) look();
  EXPECT_EQ(most, 1u);
  // One after the other gets its turn and is seen to be gone.
  slow.clear();
  EXPECT_TRUE(Eventually([&] { return look() <= 1 && server_->Counts().handshakes_failed == 4; }));
  EXPECT_EQ(most, 1u);
  EXPECT_EQ(Ask(TestTlsClient()), "/hello");
}

// Nobody is kept out by those who begin handshakes and do not go on with them.
// Promise R6.
TEST_F(TlsTest, WhereHandshakesAreManyTheOldestOfASilentClientGivesItsPlaceUp) {
  ServerOptions options = TestOptions();
  options.io_threads = 1;
  options.handshakes = 2;
  options.handshake_deadline = 10min;  // which would make room, too
  options.crowded_handshake = 100ms;
  Start(options);
  std::vector<std::unique_ptr<HttpConnection>> silent;
  for (int i = 0; i < 6; ++i) {
    silent.push_back(std::make_unique<HttpConnection>(server_->port()));
    silent.back()->Send("\x16\x03\x01"s);
  }
  ASSERT_TRUE(Eventually([&] { return server_->Counts().shaking_hands == 2; }));
  EXPECT_EQ(Ask(TestTlsClient()), "/hello");
  EXPECT_GE(server_->Counts().handshakes_failed, 1u);
}

TEST_F(TlsTest, WithoutOthersWhoWaitASlowHandshakeHasItsTime) {
  ServerOptions options = TestOptions();
  options.handshakes = 2;
  options.crowded_handshake = 0ms;
  Start(options);
  HttpConnection slow(server_->port());
  slow.Send("\x16\x03\x01"s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask(TestTlsClient()), "/hello");
  EXPECT_EQ(server_->Counts().handshakes_failed, 0u);
}

TEST_F(TlsTest, RecordsWithoutDataDoNotHoldTheThread) {
  ServerOptions options = TestOptions();
  options.io_threads = 1;
  Start(options);
  HttpConnection busy(server_->port(), TestTlsClient());
  for (int i = 0; i < 200; ++i) {
    SSL_key_update(busy.tls(), SSL_KEY_UPDATE_REQUESTED);
    ASSERT_TRUE(busy.Send(i == 199 ? Get("/busy") : ""));
    SSL_do_handshake(busy.tls());
  }
  EXPECT_EQ(busy.ReadAnswer().body, "/busy");
  EXPECT_EQ(Ask(TestTlsClient()), "/hello");
}

// A client of TLS 1.2 that asks for a new handshake again and again. OpenSSL asks once and waits, so
// after the first handshake the records are written here: RFC 5246, and RFC 5288 for AES-GCM.
class Renegotiator {
 public:
  explicit Renegotiator(std::uint16_t port) : context_(SSL_CTX_new(TLS_client_method())), tls_(SSL_new(context_)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SSL_set_max_proto_version(tls_, TLS1_2_VERSION);
    SSL_set_cipher_list(tls_, "ECDHE+AES128+AESGCM");
    SSL_set_fd(tls_, socket_);
    is_connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                    SSL_connect(tls_) == 1 && DeriveKey();
  }
  ~Renegotiator() {
    EVP_CIPHER_CTX_free(cipher_);
    SSL_free(tls_);
    SSL_CTX_free(context_);
    ::close(socket_);
  }
  Renegotiator(const Renegotiator&) = delete;
  Renegotiator& operator=(const Renegotiator&) = delete;

  bool is_connected() const { return is_connected_; }

  // Asks so often, or as often as goes at once.
  void Ask(int count) {
    std::string records;
    for (int i = 0; i < count; ++i) records += Hello();
    sent_ = ::send(socket_, records.data(), records.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    EXPECT_GT(sent_, 0);
  }
  // How many of them the other side has taken from its socket: all but what the system still holds for it.
  int taken() const {
    sockaddr_in own{}, peer{};
    socklen_t size = sizeof own;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size);
    ::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size);
    std::array<char, 64> pattern;
    // "0100007F:1F90 0100007F:C350 01 00000000:RX": addresses, state, queues.
    std::snprintf(pattern.data(), pattern.size(), ": 0100007F:%04X 0100007F:%04X ", ntohs(peer.sin_port),
                  ntohs(own.sin_port));
    std::ifstream table("/proc/net/tcp");
    for (std::string line; std::getline(table, line);) {
      const std::size_t at = line.find(pattern.data());
      if (at == std::string::npos) continue;
      const std::size_t queues = at + std::strlen(pattern.data()) + 3;
      return static_cast<int>((sent_ - std::stol(line.substr(queues + 9, 8), nullptr, 16)) / kRecord);
    }
    ADD_FAILURE() << "the connection is gone";
    return -1;
  }
  // Why OpenSSL gives up when it reads the answer to the first. It ends the connection.
  std::string FirstAnswer() {
    char byte = 0;
    ERR_clear_error();
    return SSL_read(tls_, &byte, 1) > 0 ? "data" : ERR_reason_error_string(ERR_peek_error());
  }

 private:
  static constexpr std::size_t kKey = 16, kSalt = 4, kRandom = 32;
  static constexpr long kRecord = 5 + 8 + 4 + 16;  // header, number, message, tag

  bool DeriveKey() {
    std::array<unsigned char, 2 * kRandom> randoms;
    SSL_get_server_random(tls_, randoms.data(), kRandom);
    SSL_get_client_random(tls_, randoms.data() + kRandom, kRandom);
    std::array<unsigned char, 48> secret;
    SSL_SESSION_get_master_key(SSL_get0_session(tls_), secret.data(), secret.size());
    EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
    EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
    char label[] = "key expansion", digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                     OSSL_PARAM_construct_octet_string("secret", secret.data(), secret.size()),
                                     OSSL_PARAM_construct_octet_string("seed", label, sizeof label - 1),
                                     OSSL_PARAM_construct_octet_string("seed", randoms.data(), randoms.size()),
                                     OSSL_PARAM_construct_end()};
    std::array<unsigned char, 2 * (kKey + kSalt)> block;  // client's key, server's, client's salt, server's
    const bool derived = EVP_KDF_derive(context, block.data(), block.size(), parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    std::copy_n(block.begin(), kKey, key_.begin());
    std::copy_n(block.begin() + 2 * kKey, kSalt, salt_.begin());
    return derived;
  }

  // A record with the beginning of a ClientHello, which is all that is looked at.
  std::string Hello() {
    const unsigned char hello[4] = {1, 0, 0, 0};
    std::array<unsigned char, 8> number;
    for (std::size_t i = 0; i < number.size(); ++i) {
      number[i] = static_cast<unsigned char>(number_ >> (8 * (number.size() - 1 - i)));
    }
    ++number_;
    std::array<unsigned char, kSalt + 8> nonce;
    std::copy(salt_.begin(), salt_.end(), nonce.begin());
    std::copy(number.begin(), number.end(), nonce.begin() + kSalt);
    std::array<unsigned char, 13> bound = {0, 0, 0, 0, 0, 0, 0, 0, 22, 3, 3, 0, sizeof hello};
    std::copy(number.begin(), number.end(), bound.begin());
    std::array<unsigned char, sizeof hello> sealed;
    std::array<unsigned char, 16> tag;
    int size = 0;
    EVP_EncryptInit_ex(cipher_, number_ == 2 ? EVP_aes_128_gcm() : nullptr, nullptr, key_.data(), nonce.data());
    EVP_EncryptUpdate(cipher_, nullptr, &size, bound.data(), bound.size());
    EVP_EncryptUpdate(cipher_, sealed.data(), &size, hello, sizeof hello);
    EVP_EncryptFinal_ex(cipher_, sealed.data(), &size);
    EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_GCM_GET_TAG, tag.size(), tag.data());
    std::string record{22, 3, 3, 0, static_cast<char>(number.size() + sealed.size() + tag.size())};
    record.append(number.begin(), number.end()).append(sealed.begin(), sealed.end()).append(tag.begin(), tag.end());
    return record;
  }

  const int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SSL_CTX* const context_;
  SSL* const tls_;
  EVP_CIPHER_CTX* const cipher_ = EVP_CIPHER_CTX_new();
  std::array<unsigned char, kKey> key_{};
  std::array<unsigned char, kSalt> salt_{};
  long sent_ = 0;
  std::uint64_t number_ = 1;  // of the next record; Finished was the first
  bool is_connected_ = false;
};

// OpenSSL refuses each and goes on reading by itself for as long as they come.
TEST_F(TlsTest, AFloodOfRenegotiationsIsRefusedAndHoldsNobodyUp) {
  std::promise<void> is_held, go;
  std::optional<Renegotiator> flood;
  std::atomic<int> taken_before{-1};
  ServerOptions options = TestOptions();
  options.tls = TestTls();
  options.io_threads = 1;
  server_ = MustStart(options, [&](const std::shared_ptr<Request>& request, const Responder& respond) {
    if (request->path == "/hold") {
      is_held.set_value();
      go.get_future().wait();
    }
    if (request->path == "/other") taken_before = flood->taken();
    respond({});
  });
  Renegotiator curious(server_->port());
  flood.emplace(server_->port());
  ASSERT_TRUE(curious.is_connected() && flood->is_connected());
  curious.Ask(1);
  EXPECT_EQ(curious.FirstAnswer(), "no renegotiation");

  // While the thread is held, a flood comes, and a request behind it.
  HttpConnection holder(server_->port(), TestTlsClient()), other(server_->port(), TestTlsClient());
  other.Send(Get("/hello"));
  ASSERT_EQ(other.ReadAnswer().status, 200);
  holder.Send(Get("/hold"));
  is_held.get_future().wait();
  flood->Ask(1'000);
  other.Send(Get("/other"));
  go.set_value();
  EXPECT_EQ(other.ReadAnswer().status, 200);
  EXPECT_GT(taken_before, 0);
  EXPECT_LT(taken_before, 100) << "a few are looked at, and then others have their turn";
  EXPECT_TRUE(Eventually([&] { return flood->taken() == 1'000; })) << "it goes on behind them";
  EXPECT_EQ(server_->Counts().handshakes, 4u);
}

// ---- Certificates ------------------------------------------------------------------------------------------------

std::string FaultOf(const TlsFiles& files) {
  const auto loaded = Tls::Load(files);
  return loaded ? "" : loaded.error().message;
}

void WriteEncryptedKey(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  const unsigned char password[] = "secret";
  EXPECT_EQ(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), password, 6, nullptr, nullptr), 1);
  EVP_PKEY_free(key);
  std::fclose(file);
}

TEST(CertificateTest, WhatIsWrongWithAFileIsSaidWithItsName) {
  const CertificateFiles good, other;
  const TemporaryFolder folder;
  const std::string nonsense = folder / "nonsense", encrypted = folder / "encrypted", cut = folder / "cut";
  std::ofstream(nonsense) << "nonsense\n";
  std::ofstream(cut) << MakeCertificate().pem.substr(0, 100) << "\n-----END CERTIFICATE-----\n";
  WriteEncryptedKey(encrypted);
  const std::string certificate = good.certificate_file(), key = good.key_file();
  EXPECT_EQ(FaultOf(FilesOf(good)), "");
  EXPECT_EQ(FaultOf({"/nowhere.pem", key, ""}), "tls-cert: /nowhere.pem cannot be read: No such file or directory");
  EXPECT_EQ(FaultOf({folder.path(), key, ""}), "tls-cert: " + folder.path() + " cannot be read: it is a folder");
  EXPECT_EQ(FaultOf({nonsense, key, ""}), "tls-cert: " + nonsense + " has no certificate in PEM form");
  EXPECT_THAT(FaultOf({cut, key, ""}), HasSubstr("tls-cert: " + cut + " has a certificate that cannot be read: "));
  EXPECT_THAT(FaultOf({certificate, nonsense, ""}), HasSubstr("tls-key: " + nonsense + " has no private key"));
  EXPECT_EQ(FaultOf({certificate, encrypted, ""}),
            "tls-key: " + encrypted + " is encrypted: give the key without a password");
  EXPECT_EQ(FaultOf({certificate, other.key_file(), ""}),
            "tls-key: " + other.key_file() + " is not the key of the certificate in " + certificate);
  EXPECT_EQ(FaultOf({certificate, key, nonsense}), "tls-client-ca: " + nonsense + " has no certificate in PEM form");
}

TEST(CertificateTest, AnExpiredOneIsTakenAndSaysSo) {
  const CertificateFiles files({.begins = -2h, .ends = -1h});
  const auto tls = MustLoad(FilesOf(files));
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  EXPECT_NEAR(static_cast<double>(tls->expires()), static_cast<double>(now - 3600), 60);
  EXPECT_NEAR(static_cast<double>(tls->valid_from()), static_cast<double>(now - 7200), 60);
}

// A keeper that looks every few milliseconds, and what it said.
class KeeperTest : public TlsTest {
 protected:
  void Keep(std::chrono::milliseconds interval) {
    auto opened = CertificateKeeper::Open({.files = FilesOf(files_), .interval = interval});
    ASSERT_TRUE(opened) << opened.error().message;
    keeper_ = *std::move(opened);
    ServerOptions options = TestOptions();
    options.tls = keeper_->current();
    Start(options);
    keeper_->Watch([this](const std::shared_ptr<const Tls>& tls) { server_->UseTls(tls); },
                   [this](const Status& taken) {
                     const std::lock_guard lock(mutex_);
                     said_.push_back(taken ? "taken" : taken.error().message);
                   });
  }
  void TearDown() override {
    keeper_.reset();
    TlsTest::TearDown();
  }
  std::vector<std::string> Said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  // Whether a client that trusts this certificate, and no other, is served.
  bool IsServedWith(const Certificate& certificate) {
    const TemporaryFolder folder;
    std::ofstream(folder / "ca.pem") << certificate.pem;
    return Ask({.ca_file = folder / "ca.pem"}) == "/hello";
  }

  CertificateFiles files_;
  std::unique_ptr<CertificateKeeper> keeper_;

 private:
  std::mutex mutex_;
  std::vector<std::string> said_;
};

TEST_F(KeeperTest, ANewPairIsUsedFromTheNextHandshakeOnAndOpenConnectionsStay) {
  Keep(5ms);
  HttpConnection open(server_->port(), {.ca_file = files_.certificate_file()});
  const Certificate next = MakeCertificate();
  EXPECT_FALSE(IsServedWith(next));
  files_.Replace(next);
  EXPECT_TRUE(Eventually([&] { return IsServedWith(next); }));
  open.Send(Get("/still"));
  EXPECT_EQ(open.ReadAnswer().body, "/still");
}

TEST_F(KeeperTest, TheCertificateBeforeGoesWhenNobodyUsesItAnyMore) {
  Keep(5ms);
  const std::weak_ptr<const Tls> first = keeper_->current();
  files_.Replace(MakeCertificate());
  EXPECT_TRUE(Eventually([&] { return first.expired(); }));
}

TEST_F(KeeperTest, ABrokenPairIsRefusedAsAWholeAndSaidOnce) {
  const Certificate first = MakeCertificate(), second = MakeCertificate();
  files_.Replace(first);
  Keep(5ms);
  const Certificate mixed{second.pem, first.key_pem};
  files_.Replace(mixed);
  ASSERT_TRUE(Eventually([&] { return !Said().empty() && Said().back() != "taken"; }));
  EXPECT_TRUE(IsServedWith(first));
  EXPECT_FALSE(IsServedWith(second));
  files_.Replace(second);
  EXPECT_TRUE(Eventually([&] { return IsServedWith(second); }));
  EXPECT_TRUE(Eventually([&] { return Said().back() == "taken"; }));
}

TEST_F(KeeperTest, AskedItLooksAtOnceAndAnswersEvenIfNothingIsNew) {
  Keep(1h);
  keeper_->LookNow();
  EXPECT_TRUE(Eventually([&] { return Said().size() == 1; }));
  const Certificate next = MakeCertificate();
  files_.Replace(next);
  keeper_->LookNow();
  EXPECT_TRUE(Eventually([&] { return Said().size() == 2; }));
  EXPECT_TRUE(Eventually([&] { return IsServedWith(next); }));
  EXPECT_EQ(Said(), (std::vector<std::string>{"taken", "taken"}));
}

}  // namespace
}  // namespace guidon::http
