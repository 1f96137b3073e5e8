// What the tests of all pipelines have: a guidond with the shop applied, keys as the files ask for them, and the shop's
// repository with things in it that break.
//
// Thread safety: one thread.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/examples/checkout.h"

namespace guidon::testing {

class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest() {
    Checkout admin;
    admin.Ask(server_);
    const Finished applied = admin.Run({"guidon", "apply", "flags"});
    EXPECT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
    EXPECT_EQ(admin.Run({"guidon", "role", "set", "pipeline", "--verbs", "definitions.read,gate.record"}).exit_code, 0);
    pipeline_ = KeyOf(admin, "pipeline");
    editor_ = KeyOf(admin, "editor");
  }

  static std::string KeyOf(const Checkout& admin, const std::string& role) {
    const Finished made =
        admin.Run({"guidon", "key", "create", "--project", "bookshop", "--kind", "admin", "--role", role});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    return made.output.substr(0, made.output.find('\n'));
  }

  // `guidon`, in the shop's repository.
  Finished As(const std::string& key, std::vector<std::string> words) const {
    words.insert(words.begin(), "guidon");
    return shop_.Run(words, {{"GUIDON_SERVER", server_.url()}, {"GUIDON_KEY", key}});
  }
  // What alters production takes an approval from now on.
  void Protect() const {
    shop_.Edit("flags/guidon.yaml", "customers see }", "customers see, protected: true }");
    const Finished applied = As(server_.admin_key(), {"apply", "flags"});
    EXPECT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
  }
  // The files as a change request, which somebody else approves.
  void OpenAndApprove() const {
    Checkout admin;
    admin.Ask(server_);
    const Finished opened = As(editor_, {"apply", "flags", "--request", "As the files say"});
    EXPECT_EQ(opened.exit_code, 0) << opened.output << opened.errors;
    const Finished approved =
        As(KeyOf(admin, "approver"), {"change", "approve", "1", "--project", "bookshop", "--version", "1"});
    EXPECT_EQ(approved.exit_code, 0) << approved.output << approved.errors;
  }

  // A change that may go out, and one that may not.
  void Mend() const {
    shop_.Edit("flags/flags/cart.yaml", "serve: { on: 5%, off: 95% }", "serve: { on: 10%, off: 90% }");
  }
  void Break() const {
    shop_.Edit("flags/flags/cart.yaml", "serve: { on: 5%, off: 95% }", "serve: { on: 100%, off: 0% }");
  }
  // A server that cannot be reached, and a policy that waits for it: the plainest way to a hold.
  void Hold() const { shop_.Edit("flags/gate.yaml", "policy: bookshop\n", "policy: bookshop\nunreachable: hold\n"); }
  static constexpr const char* kNoServer = "http://127.0.0.1:1";

  // What the server serves to a reader in Germany: 5% of them, at first.
  std::string WeightOnServer() const {
    const HttpAnswer answer = server_.Call("GET", "/api/v1/projects/bookshop/flags/cart.express");
    const std::size_t at = answer.body.find("\"serve\":{\"on\":\"");
    return at == std::string::npos ? answer.body
                                   : answer.body.substr(at + 15, answer.body.find('"', at + 15) - at - 15);
  }

  Guidond server_;
  Checkout shop_;
  std::string pipeline_, editor_;
};

}  // namespace guidon::testing
