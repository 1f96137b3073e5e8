// Reads end in a comment of their own, "ref:" with key, type and fallback; everything else is none.
#include <guidon/client.h>

void Reads(const guidon::Client& client, const guidon::Context& user, guidon::Pin* pin) {
  client.Bool("checkout.v2", user, false);                            // ref: checkout.v2 boolean false
  client.String("checkout.layout", user, "multi");                    // ref: checkout.layout string "multi"
  client.Int("account.returns_days", user, 1'4);                      // ref: account.returns_days number 14
  client.Double("search.weight", user, -0.5e-1);                      // ref: search.weight number -0.05
  client.Json("payments.wallets", user, guidon::Value());             // ref: payments.wallets json
  pin->BoolDetail("a", user, true);                                   // ref: a boolean true
  client . Bool ( /* which */ "spaced.out", user, false );            // ref: spaced.out boolean false
  client.Peek().Bool("peeked", user, false);                          // ref: peeked boolean false
  client.Bool(R"(raw.key)", user, false);                             // ref: raw.key boolean false
  client.Bool(R"x(raw.delimited)x", user, false);                     // ref: raw.delimited boolean false
  client.Bool("joi" "ned", user, false);                              // ref: joined boolean false
  client.Bool(u8"prefixed", user, false);                             // ref: prefixed boolean false
  client.Bool("suffixed"sv, user, false);                             // ref: suffixed boolean false
  client.Bool("template.context", Make<int, char>(user), true);       // ref: template.context boolean true
  client.Bool("nested.context", With("x", "client.Bool(\"no\", c, false)"), true);  // ref: nested.context boolean true
  client.Variation("checkout.layout", user, kNames, 2, 0);            // ref: checkout.layout string
  client.Bool("not.literal", user, kDefault);                         // ref: not.literal boolean
  client.Int("hex.default", user, 0x10);                              // ref: hex.default number
  flags.Bool("wrapped");                                              // ref: wrapped boolean
  if (client.Bool(
          "over.lines",                                               // ref: over.lines boolean false
          user, false)) {
  }
  guidon::Flag<bool> handle(client, "handle.bool", false);            // ref: handle.bool boolean false
  guidon::Flag<std::string> text{client, "handle.text", "x"};         // ref: handle.text string "x"
  auto number = guidon::Flag<std::int64_t>(client, "handle.int", 7);  // ref: handle.int number 7
  std::make_unique<guidon::Flag<double>>(client, "handle.double", 1.5);  // ref: handle.double number 1.5
  guidon::Flag<guidon::Value> json(client, "handle.json", {});        // ref: handle.json json
  open_feature->GetBooleanValue("open.feature", true);                // ref: open.feature boolean true
  guidon_bool(c_client, "from.c", c_user, false);                     // ref: from.c boolean false
  client.Bool("of.one", user, 1);                                     // ref: of.one boolean true
  Both(client.Bool("first", user, false), client.Bool("second", user, true));  // ref: first boolean false ; second boolean true
}

// client.Bool("comment.line", user, false); \
   client.Bool("comment.continued", user, false);
/* client.Bool("comment.block", user, false); */
const char* kText = "client.Bool(\"in.text\", user, false)";
const char* kRaw = R"(client.Bool("in.raw", user, false))";
const char* kDelimited = R"--(" client.Bool("in.raw2", user, false) )" )--";
const char kQuote = '"';
const char kEscaped = '\'';
int million = 1'000'000;  // client.Bool("behind.separators", user, false);
int hex = 0xAB'CD; const char* s = "client.Bool(\"x\", user, false)";
auto wide = L'"'; auto after = "client.Bool(\"y\", user, false)";

#if 0
client.Bool("left.out", user, false);
#if FOO
client.Bool("left.out.too", user, false);
#endif
client.Bool("still.left.out", user, false);
#else
bool taken = client.Bool("taken.otherwise", user, false);             // ref: taken.otherwise boolean false
#endif
#error don't stop here
bool on = client.Bool("after.error", user, false);                    // ref: after.error boolean false

void Decoys(Writer& writer, Schema& schema) {
  writer.String("rapid.json", 10, true);
  writer.Bool("two", true);
  writer.String("name", "value", "other");
  writer.Int("is.number", 5, user);
  schema.Bool("no.such", 1, false);
  writer.Double("text.default", user, "no");
  Bool("no.receiver", user, false);
  ns::Bool("no.method", user, false);
  client.Bool(key, user, false);
  client.Bool("computed" + suffix, user, false);
  client.Bool("not a key", user, false);
  client.Bool("esc\x61ped", user, false);
  client.Bool("", user, false);
  client.Boolean("other.name", user, false);
  MyBool("prefix.of.name", user, false);
  flag.Bool("verbose");
  client.Track("order", user, 3.5);
  map["client.Bool"]("no.call", user, false);
  Flags<bool> other(client, "no.handle", false);
  guidon::Flag<bool> empty;
}
