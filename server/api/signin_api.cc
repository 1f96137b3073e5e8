// Signing in and out over HTTP: what browsers and `guidon login` go through, and how a cookie is told from a forgery.
//
// A browser's session is in `__Host-guidon_session`, which no script reads, no other host sets and no other site sends
// along with a change. Beside it, whatever changes something has to come from a page of ours (Origin, Sec-Fetch-Site)
// and to carry the session's CSRF token, which GET /auth/me tells to pages of this origin alone.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/home.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::string_view kSessionCookie = "__Host-guidon_session";
constexpr std::string_view kSignInCookie = "__Host-guidon_sign_in_";  // and how its state begins
constexpr std::size_t kCookieStateBytes = 8;
// Sign-ins that are under way in one browser; beyond it its oldest goes, as a header takes only so much.
constexpr std::size_t kMostSignInCookies = 8;
constexpr std::size_t kMostClearedCookies = 16;    // by one answer; what a browser has beyond them, the next ones clear
constexpr std::int64_t kBreakGlassMs = 3'600'000;  // a session of the break-glass admin
constexpr std::size_t kMostSwept = 100;            // sessions that are over and go with a sign-in
// Without the name and the mail address, which the log does not get.
constexpr std::string_view kNoRoleDetail = "they have no role here, neither as a member nor by a group";
constexpr std::size_t kMostNameBytes = 256;
constexpr std::size_t kMostEmailBytes = 320;

// Takes the first cookie of the header's value away: its name and its value.
std::pair<std::string_view, std::string_view> TakeCookie(std::string_view& rest) {
  std::string_view one = rest.substr(0, rest.find(';'));
  rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  while (one.starts_with(' ')) one.remove_prefix(1);
  while (one.ends_with(' ')) one.remove_suffix(1);
  const std::size_t equals = std::min(one.find('='), one.size());
  return {one.substr(0, equals), one.substr(std::min(equals + 1, one.size()))};
}

// "" when it is not there.
std::string_view CookieOf(const http::Request& request, std::string_view name) {
  for (std::string_view rest = request.Header("Cookie"); !rest.empty();) {
    const auto [of_name, value] = TakeCookie(rest);
    if (of_name == name) return value;
  }
  return {};
}

// Of the sign-ins that are under way in this browser; as it sends them, the oldest first (RFC 6265, 5.4).
std::vector<std::string_view> SignInCookies(const http::Request& request) {
  std::vector<std::string_view> names;
  for (std::string_view rest = request.Header("Cookie"); !rest.empty();) {
    const std::string_view name = TakeCookie(rest).first;
    if (name.size() == kSignInCookie.size() + kCookieStateBytes && name.starts_with(kSignInCookie)) {
      names.push_back(name);
    }
  }
  return names;
}

void SetCookie(http::Response& response, std::string_view name, std::string_view value, std::int64_t seconds) {
  response.Header("Set-Cookie", std::string(name) + "=" + std::string(value) +
                                    "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(seconds));
}

http::Response Page(int status, const Notice& notice) {
  http::Response response;
  response.status = status;
  response.Header("Content-Type", "text/html; charset=utf-8");
  response.Header("Content-Security-Policy", kHomeContentSecurityPolicy);
  response.Header("X-Content-Type-Options", "nosniff");
  response.Header("Referrer-Policy", "no-referrer");
  response.Header("Cache-Control", "no-store");
  response.body = RenderNotice(notice);
  return response;
}

http::Response NoStore(http::Response response) {
  response.Header("Cache-Control", "no-store");
  return response;
}

// One that a member can have (core/model/names.h), of whatever the provider calls them.
std::string MemberIdOf(const Identity& who) {
  return "oidc-" + Sha256Hex(who.issuer + std::string(1, '\0') + who.subject).substr(0, 32);
}

std::string DescribeIdentity(const Identity& who) {
  std::string text = Shortened(who.name.empty() ? who.subject : who.name, kMostNameBytes);
  if (!who.email.empty()) text += " <" + Shortened(who.email, kMostEmailBytes) + ">";
  return text;
}

// One for each sign-in, since two can be under way in one browser.
std::string SignInCookieOf(const std::string& state) {
  return std::string(kSignInCookie) + state.substr(0, kCookieStateBytes);
}

// Neither logged nor counted.
http::Response NotUnderWay(const Call& call) {
  return Page(401, {"You are not signed in",
                    {"No sign-in of this browser is under way, or it took more than ten minutes; begin again.",
                     "Request " + call.request.id + "."},
                    "",
                    "Begin again",
                    "/auth/login"});
}

bool Changes(const http::Request& request) {
  return request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
}

// The text of a member of the body, which has to be there.
Result<std::string> TextOf(const Value& body, std::string_view name, std::size_t most) {
  const Value* text = body.Find(name);
  if (text == nullptr || !text->is_string() || text->AsString().empty() || text->AsString().size() > most) {
    return Fail(InvalidError("the request cannot be read",
                             {{Severity::kError, "wrong_value", Path().Key(name),
                               "expected text of 1 to " + std::to_string(most) + " bytes", "", ""}}));
  }
  return text->AsString();
}

}  // namespace

// ---- Who asks ----------------------------------------------------------------------------------------------------

Status Api::IsOwnPage(const http::Request& request) const {
  const std::string_view origin = request.Header("Origin"), site = request.Header("Sec-Fetch-Site");
  const std::string_view host = request.Header("Host");
  const std::size_t scheme = origin.find("://");
  const bool is_ours = origin.empty() || (!options_.public_url.empty() && origin == options_.public_url) ||
                       (scheme != std::string_view::npos && origin.substr(scheme + 3) == host);
  if (!is_ours || (!site.empty() && site != "same-origin" && site != "none")) {
    return Fail(ErrorCode::kPermissionDenied, "a page of another origin may not do this with somebody's session");
  }
  return {};
}

Result<Principal> Api::WhoIs(const http::Request& request) const {
  const std::string_view authorization = request.Header("Authorization"), key = request.Header("X-API-Key");
  const std::string_view token = CookieOf(request, kSessionCookie);
  if (!authorization.empty() || !key.empty() || token.empty()) {
    return parts_.authenticator.Authenticate(authorization, key, request.peer);
  }
  Result<Principal> who = parts_.authenticator.AuthenticateSession(token, SessionDoor::kCookie, request.peer);
  if (!who || !Changes(request)) return who;
  if (Status own = IsOwnPage(request); !own) return Fail(own.error());
  // Of a token that is ours: its hash is compared with text that nobody can try out faster than the session itself.
  if (request.Header("X-CSRF-Token") != CsrfTokenOf(token)) {
    return Fail(ErrorCode::kPermissionDenied,
                "the header X-CSRF-Token is missing or of another session; GET /auth/me says what it has to be");
  }
  return who;
}

http::Response Api::WhoAmI(const Call& call) {
  const Result<Principal> who = WhoIs(call.request);
  if (!who) return NoStore(Unauthenticated(who.error(), call.request.id));
  Object body{{"principal", Value(who->id)}};
  if (who->id.starts_with("member:")) {
    if (const auto member = parts_.authenticator.members().Find(who->id.substr(7))) {
      body.Append("name", Value(member->name));
      if (!member->email.empty()) body.Append("email", Value(member->email));
    }
  }
  Array grants;
  for (const Grant& grant : who->grants) {
    Object one{{"verbs", DescribeVerbs(grant.verbs)}};
    if (!grant.project.empty()) one.Append("project", Value(grant.project));
    if (!grant.environment.empty()) one.Append("environment", Value(grant.environment));
    grants.emplace_back(std::move(one));
  }
  body.Append("grants", Value(std::move(grants)));
  // Only for who came by the cookie; a program needs none.
  const bool is_browser =
      !who->session.empty() && call.request.Header("Authorization").empty() && call.request.Header("X-API-Key").empty();
  if (is_browser) body.Append("csrf_token", Value(CsrfTokenOf(CookieOf(call.request, kSessionCookie))));
  return NoStore(JsonResponse(200, Value(std::move(body))));
}

// ---- In ----------------------------------------------------------------------------------------------------------

http::Response Api::SignInProblem(const Error& error, const Call& call, std::string_view principal) {
  const bool is_theirs = error.code == ErrorCode::kUnauthenticated || error.code == ErrorCode::kUnavailable;
  if (error.code == ErrorCode::kPermissionDenied || is_theirs) {
    parts_.sign_in.Report({is_theirs ? SignInOutcome::kFailed : SignInOutcome::kNoRole,
                           principal.empty() ? "" : "member:" + std::string(principal),
                           is_theirs ? error.message : std::string(kNoRoleDetail), call.request.peer, call.request.id});
  }
  Notice notice{"You are not signed in", {error.message + ".", "Request " + call.request.id + "."}, "", "", ""};
  if (error.code == ErrorCode::kPermissionDenied) {
    notice.paragraphs.emplace_back("An owner of this server can let you in, with the role that fits:");
    notice.code = "guidon member add " + std::string(principal) + " --name NAME --role ROLE";
  }
  http::Response page = Page(error.code == ErrorCode::kInvalid ? 400 : StatusOf(error.code), notice);
  if (error.code == ErrorCode::kOverloaded || error.code == ErrorCode::kUnavailable) {
    page.Header("Retry-After", std::to_string(RetrySeconds()));
  }
  return page;
}

http::Response Api::BeginSignIn(const Call& call) {
  const http::Request& request = call.request;
  std::optional<LoopbackRequest> program;
  if (!request.Query("cli_redirect").empty()) {
    program = LoopbackRequest{std::string(request.Query("cli_redirect")), std::string(request.Query("code_challenge")),
                              std::string(request.Query("cli_state"))};
  }
  const Result<SignIn::Begun> begun = parts_.sign_in.Begin(request.peer, std::move(program));
  if (!begun) return SignInProblem(begun.error(), call);
  http::Response response;
  response.status = 303;
  response.Header("Location", begun->location);
  response.Header("Cache-Control", "no-store");
  response.Header("Referrer-Policy", "no-referrer");
  const std::vector<std::string_view> others = SignInCookies(request);
  for (std::size_t i = 0; i < kMostClearedCookies && i + kMostSignInCookies <= others.size(); ++i) {
    SetCookie(response, others[i], "", 0);
  }
  SetCookie(response, SignInCookieOf(begun->state), begun->cookie, SignIn::kBeginMs / 1000);
  return response;
}

http::Response Api::FinishSignIn(const Call& call) {
  const http::Request& request = call.request;
  const std::string state(request.Query("state"));
  const std::string cookie_name = SignInCookieOf(state);
  const std::string_view cookie = CookieOf(request, cookie_name);
  // What nobody began here is nobody's failed sign-in: anybody can send that, with any text.
  if (parts_.sign_in.has_provider() && !parts_.sign_in.IsUnderWay(state, cookie)) return NotUnderWay(call);
  http::Response response = LetIn(call, state, cookie);
  // It is over, however it went. Without a provider the state is anybody's text.
  if (parts_.sign_in.has_provider()) SetCookie(response, cookie_name, "", 0);
  return response;
}

http::Response Api::LetIn(const Call& call, const std::string& state, std::string_view cookie) {
  const http::Request& request = call.request;
  if (const std::string_view fault = request.Query("error"); !fault.empty()) {
    parts_.sign_in.GiveUp(state, cookie);
    return SignInProblem(
        {ErrorCode::kUnauthenticated, "the OpenID provider did not sign you in: '" + Shortened(fault, 64) + "'", {}},
        call);
  }
  const Result<SignIn::Arrived> arrived =
      parts_.sign_in.Arrive(state, std::string(request.Query("code")), cookie, request.Query("iss"));
  if (!arrived) return SignInProblem(arrived.error(), call);
  const std::string principal = MemberIdOf(arrived->who);
  http::Response response;
  if (arrived->program) {
    // A person has to say yes: any page can send a browser here, and any user of this machine can listen there.
    const LoopbackRequest& program = *arrived->program;
    const Result<std::string> code = parts_.sign_in.IssueCode(arrived->who, program);
    if (!code) return SignInProblem(code.error(), call);
    response = Page(200, {"Sign in guidon?",
                          {"A program of this computer (" + program.redirect_uri + ") asks for what " +
                               DescribeIdentity(arrived->who) + " may do here.",
                           "Go on only if you have just typed: guidon login"},
                          "",
                          "Sign in",
                          program.redirect_uri + "?code=" + *code + "&state=" + FormEncode(program.state)});
  } else {
    const Result<NewSession> session = Enter(arrived->who, SessionDoor::kCookie, call);
    if (!session) return SignInProblem(session.error(), call, principal);
    response.status = 303;
    response.Header("Location", "/");
    response.Header("Cache-Control", "no-store");
    SetCookie(response, kSessionCookie, session->token,
              (session->record.expires_ms - session->record.created_ms) / 1000);
  }
  return response;
}

http::Response Api::ExchangeCode(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  const Result<std::string> code = TextOf(*body, "code", 128), verifier = TextOf(*body, "code_verifier", 128);
  for (const auto* text : {&code, &verifier}) {
    if (!*text) return ProblemResponse(text->error(), call.request.id);
  }
  const Result<Identity> who = parts_.sign_in.RedeemCode(*code, *verifier);
  if (!who) return ProblemResponse(who.error(), call.request.id);
  const Result<NewSession> session = Enter(*who, SessionDoor::kBearer, call);
  if (session) return NoStore(JsonResponse(200, DescribeSession(*session)));
  if (session.error().code == ErrorCode::kPermissionDenied) {
    parts_.sign_in.Report({SignInOutcome::kNoRole, "member:" + MemberIdOf(*who), std::string(kNoRoleDetail),
                           call.request.peer, call.request.id});
  }
  return ProblemResponse(session.error(), call.request.id);
}

Value Api::DescribeSession(const NewSession& session) const {
  const SessionRecord& record = session.record;
  Object body{{"token", Value(session.token)},
              {"expires", Value(FormatTimestamp(record.expires_ms))},
              {"principal", Value(record.member.empty() ? std::string(kBreakGlass) : "member:" + record.member)}};
  if (const auto member = parts_.authenticator.members().Find(record.member)) body.Append("name", Value(member->name));
  return Value(std::move(body));
}

// Whom the session pushes out, and some of what is over.
void Api::AppendEndings(std::string_view member, std::vector<Item>& items) const {
  const Sessions& sessions = parts_.authenticator.sessions();
  std::vector<std::string> ending = sessions.Displaced(member);
  for (std::string& id : sessions.Over(parts_.now_ms(), kMostSwept)) {
    if (std::find(ending.begin(), ending.end(), id) == ending.end()) ending.push_back(std::move(id));
  }
  for (const std::string& id : ending) items.push_back({std::string(kSessionSpace), id, ""});
}

Result<NewSession> Api::Enter(const Identity& who, SessionDoor door, const Call& call) {
  MutexLock lock(keys_);
  Members& members = parts_.authenticator.members();
  Sessions& sessions = parts_.authenticator.sessions();
  const std::string id = MemberIdOf(who);
  const std::optional<TeamMember> present = members.Find(id);
  TeamMember member = present.value_or(TeamMember{});
  const std::vector<std::string> groups = sessions.Mapped(who.groups);
  for (Binding& binding : sessions.BindingsOf(groups)) member.bindings.push_back(std::move(binding));
  if (members.GrantsOf(member).empty()) {
    return Fail(ErrorCode::kPermissionDenied,
                DescribeIdentity(who) + " (" + id + ") has no role here, neither as a member nor by a group");
  }
  Result<NewSession> session = GenerateSession();
  if (!session) return session;
  SessionRecord& record = session->record;
  record.door = door;
  record.member = id;
  record.groups = groups;
  record.epoch = sessions.policy().epoch;
  record.created_ms = parts_.now_ms();
  record.expires_ms = record.created_ms + sessions.policy().life_ms;
  std::vector<Item> items = {{std::string(kSessionSpace), record.id, EncodeSession(record)}};
  // Whoever is let in by a group becomes a member, so that they are seen in the list and can be removed from it.
  TeamMember next =
      present.value_or(TeamMember{id,
                                  Shortened(who.name.empty() ? who.subject : who.name, kMostNameBytes - 3),
                                  who.email.size() <= kMostEmailBytes ? who.email : "",
                                  {},
                                  record.created_ms});
  next.groups = groups;
  if (!present && members.List().size() >= kMostMembers) {
    return Fail(ErrorCode::kConflict, "there are " + std::to_string(kMostMembers) + " members, and can be no more");
  }
  const bool is_news = !present || present->groups != groups;
  if (is_news) items.push_back({std::string(kMemberSpace), id, EncodeMember(next)});
  AppendEndings(id, items);
  // No name and no mail: what is in the audit log stays there for good, and is sent to webhooks.
  const Author author{"member:" + id, call.request.id, "", call.request.peer};
  const Result<Committed> committed = parts_.catalog.PutItems(items, "session.create", author);
  if (!committed) return Fail(committed.error());
  if (is_news) members.Put(std::move(next));
  for (const Item& item : items) {
    if (item.space == kSessionSpace && item.value.empty()) sessions.Remove(item.id);
  }
  sessions.Put(record, record.created_ms);
  parts_.sign_in.Report({SignInOutcome::kSignedIn, "member:" + id, "", call.request.peer, call.request.id});
  return session;
}

// ---- Break-glass -------------------------------------------------------------------------------------------------

http::Response Api::BreakGlass(const Call& call) {
  const http::Request& request = call.request;
  const Result<Value> body = ReadJson(request);
  if (!body) return BadRequest(request, body.error());
  const Result<std::string> password = TextOf(*body, "password", 1'024);
  if (!password) return ProblemResponse(password.error(), request.id);
  const Value* cookie = body->Find("cookie");
  if (cookie != nullptr && !cookie->is_bool()) {
    return BadRequest(request, {ErrorCode::kInvalid, "'cookie' says whether a browser asks: true or false", {}});
  }
  if (Status own = IsOwnPage(request); !own) return ProblemResponse(own.error(), request.id);
  if (Status right = parts_.sign_in.CheckBreakGlass(*password, request.peer, IsPassedOn(request)); !right) {
    // What was not looked at says nothing: anybody can send as much of it as they like.
    const ErrorCode code = right.error().code;
    if (code == ErrorCode::kUnauthenticated || code == ErrorCode::kUnavailable) {
      parts_.sign_in.Report({code == ErrorCode::kUnavailable ? SignInOutcome::kFailed : SignInOutcome::kWrongPassword,
                             std::string(kBreakGlass), right.error().message, request.peer, request.id});
    }
    return Unauthenticated(right.error(), request.id);
  }
  const bool is_browser = cookie != nullptr && cookie->AsBool();
  const Result<NewSession> session = EnterBreakGlass(is_browser ? SessionDoor::kCookie : SessionDoor::kBearer, call);
  if (!session) return ProblemResponse(session.error(), request.id);
  Value described = DescribeSession(*session);
  if (is_browser) described.MutableObject().Erase("token");
  http::Response response = NoStore(JsonResponse(200, described));
  if (is_browser) SetCookie(response, kSessionCookie, session->token, kBreakGlassMs / 1000);
  return response;
}

Result<NewSession> Api::EnterBreakGlass(SessionDoor door, const Call& call) {
  MutexLock lock(keys_);
  Sessions& sessions = parts_.authenticator.sessions();
  Result<NewSession> session = GenerateSession();
  if (!session) return session;
  SessionRecord& record = session->record;
  record.door = door;
  record.epoch = sessions.policy().epoch;
  record.created_ms = parts_.now_ms();
  record.expires_ms = record.created_ms + kBreakGlassMs;
  std::vector<Item> items = {{std::string(kSessionSpace), record.id, EncodeSession(record)}};
  AppendEndings("", items);
  const Author author{std::string(kBreakGlass), call.request.id, "by its password", call.request.peer};
  const Result<Committed> committed = parts_.catalog.PutItems(items, "session.break_glass", author);
  if (!committed) return Fail(committed.error());
  for (const Item& item : items) {
    if (item.value.empty()) sessions.Remove(item.id);
  }
  sessions.Put(record, record.created_ms);
  parts_.sign_in.Report(
      {SignInOutcome::kByBreakGlass, std::string(kBreakGlass), "by its password", call.request.peer, call.request.id});
  return session;
}

// ---- Out ---------------------------------------------------------------------------------------------------------

http::Response Api::SignOut(const Call& call) {
  const Result<Principal> who = WhoIs(call.request);
  if (!who) return Unauthenticated(who.error(), call.request.id);
  if (who->session.empty()) {
    return ProblemResponse({ErrorCode::kInvalid, "there is no session to end: the request came with a key", {}},
                           call.request.id);
  }
  MutexLock lock(keys_);
  const Author author{who->id, call.request.id, "", call.request.peer};
  const Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kSessionSpace), who->session, ""}, "session.end", author);
  http::Response response;
  if (committed) {
    parts_.authenticator.sessions().Remove(who->session);
    response = NoStore(JsonResponse(200, Object{{"revision", Value(committed->revision)}}));
  } else {
    // Who signs out is out, whatever the store says; the keeper removes the record as soon as it can.
    parts_.authenticator.sessions().End(who->session);
    Error error = committed.error();
    error.message +=
        "; you are signed out, but if the server restarts before it could note that, the session is open "
        "again until it is idle for too long";
    response = NoStore(ProblemResponse(error, call.request.id));
  }
  SetCookie(response, kSessionCookie, "", 0);
  return response;
}

}  // namespace guidon
