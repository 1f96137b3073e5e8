// guidond with a certificate: applications with the SDK, a new certificate while they are connected, and what it says
// about files that are of no use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <csignal>

#include <fstream>

#include <guidon/client.h>
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kProject = R"({"project": "shop", "environments": {"production": {}}})";

std::string Banner(std::string_view serves) {
  return R"({"flag": "banner", "type": "boolean", "environments": {"production": {"enabled": true, "default": ")" +
         std::string(serves) + "\"}}}";
}

class ServerTlsTest : public ::testing::Test {
 protected:
  void Start(GuidondOptions options = {}) {
    options.certificate = &ours_;
    server_ = std::make_unique<Guidond>(std::move(options));
  }
  // With a certificate of their own, where it needs one.
  HttpAnswer Call(std::string_view method, std::string_view path, const std::string& body = "") {
    HttpCallOptions options{.body = body};
    const TlsClient client{.ca_file = ours_.certificate_file(),
                           .certificate_file = application_.certificate_file(),
                           .key_file = application_.key_file()};
    options.tls = &client;
    return server_->Call(method, path, options);
  }
  ClientConfig ConfigFor(const std::string& key) const {
    ClientConfig config;
    config.server = server_->url();
    config.key = key;
    config.ca_file = ours_.certificate_file();
    return config;
  }
  std::string MakeProject() {
    EXPECT_EQ(Call("POST", "/api/v1/projects", kProject).status, 201);
    EXPECT_EQ(Call("PUT", "/api/v1/projects/shop/flags/banner", Banner("off")).status, 201);
    const HttpAnswer made =
        Call("POST", "/api/v1/projects/shop/keys", R"({"kind": "server", "environment": "production"})");
    const std::size_t begin = made.body.find("gdn_srv_");
    return begin == std::string::npos ? "" : made.body.substr(begin, made.body.find('"', begin) - begin);
  }
  bool Serves(const Client& client, bool value) {
    return Eventually([&] { return client.Bool("banner", Context("user-1"), !value) == value; });
  }

  const CertificateFiles application_{{.name = "application"}};
  CertificateFiles ours_{{.name = "guidond"}};
  std::unique_ptr<Guidond> server_;
};

TEST_F(ServerTlsTest, AnSdkIsServedAcrossANewCertificateAndTheNextOneToo) {
  Start();
  const std::string key = MakeProject();
  const Client client(ConfigFor(key));
  ASSERT_TRUE(Serves(client, false)) << server_->Log();
  ASSERT_TRUE(Eventually([&] { return client.Status().state == ClientState::kLive; }));  // said after it is served

  const std::string before = Call("GET", "/metrics").body;
  EXPECT_THAT(before, HasSubstr("guidon_tls_certificate_expiry_seconds "));
  ours_.Replace(MakeCertificate({.name = "guidond", .ends = std::chrono::hours(1)}));
  server_->process().Signal(SIGHUP);
  ASSERT_TRUE(server_->process().WaitForErrors("certificate loaded")) << server_->Log();
  // Over the stream that was there before.
  ASSERT_EQ(Call("PUT", "/api/v1/projects/shop/flags/banner", Banner("on")).status, 200);
  EXPECT_TRUE(Serves(client, true));
  const Client next(ConfigFor(key));
  EXPECT_TRUE(Serves(next, true)) << server_->Log();

  std::ofstream(ours_.key_file()) << "nonsense";
  server_->process().Signal(SIGHUP);
  ASSERT_TRUE(server_->process().WaitForErrors("the certificate was not replaced")) << server_->Log();
  EXPECT_THAT(server_->Log(), HasSubstr(ours_.key_file() + " has no private key"));
  EXPECT_EQ(Call("GET", "/livez").status, 200);
  EXPECT_EQ(server_->Stop(), 0);
}

TEST_F(ServerTlsTest, WhereClientsMustBeKnownAnSdkShowsItsCertificate) {
  Start({.arguments = {"--tls-client-ca", application_.certificate_file()}, .listen = "0.0.0.0:0"});
  const std::string key = MakeProject();
  ASSERT_NE(key, "") << server_->Log();
  EXPECT_THAT(server_->Log(), HasSubstr("tls=mutual"));
  ClientConfig config = ConfigFor(key);
  config.client_certificate_file = application_.certificate_file();
  config.client_key_file = application_.key_file();
  EXPECT_TRUE(Serves(Client(config), false)) << server_->Log();
  EXPECT_EQ(server_->Call("GET", "/livez").status, 0);  // without one
  ASSERT_TRUE(server_->process().WaitForErrors("peer did not return a certificate")) << server_->Log();
}

TEST_F(ServerTlsTest, AFileOfNoUseEndsTheStartAndAnExpiredCertificateIsWarnedOf) {
  const CertificateFiles other, expired({.begins = -std::chrono::hours(2), .ends = -std::chrono::hours(1)});
  const TemporaryFolder folder;
  const Finished refused = testing::Run({Guidond::Program(), "--data", folder / "data", "--tls-cert",
                                         ours_.certificate_file(), "--tls-key", other.key_file()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.errors, "guidond: tls-key: " + other.key_file() + " is not the key of the certificate in " +
                                ours_.certificate_file() + "\n");
  Guidond late({.certificate = &expired});
  EXPECT_TRUE(late.process().WaitForErrors("the certificate has expired")) << late.Log();
}

}  // namespace
}  // namespace guidon::testing
