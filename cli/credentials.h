// The sessions that `guidon login` was given, by server: $XDG_CONFIG_HOME/guidon/sessions.json, or ~/.config/guidon/…,
// a file that its owner alone may read (0600, in a folder of 0700).
//
//   {"https://guidon.example.com": {"token": "gdn_ses_…", "principal": "member:…", "expires": "2027-…"}}
//
// Thread safety: one thread. Two processes that write at the same time: the later wins, and no reader sees half of it.
#pragma once

#include <string>

#include "core/base/result.h"

namespace guidon::cli {

struct StoredSession {
  std::string token;
  std::string principal;
  std::string expires;  // RFC 3339
};

// kNotFound: there is none for that server. kInvalid: the file is none of ours, or others may read it.
Result<StoredSession> FindSession(const std::string& server);
Status KeepSession(const std::string& server, const StoredSession& session);
Status ForgetSession(const std::string& server);

}  // namespace guidon::cli
