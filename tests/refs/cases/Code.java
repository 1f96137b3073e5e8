/** client.getBooleanValue("in.javadoc", false) */
class Code {
  boolean on = client.getBooleanValue("checkout.v2", false);              // ref: checkout.v2 boolean false
  String text = client.getStringValue("layout", "multi", context);        // ref: layout string "multi"
  int days = client.getIntegerValue("days", 14);                          // ref: days number 14
  double rate = client.getDoubleValue("rate", 0.5d);                      // ref: rate number 0.5
  Value what = client.getObjectValue("what", new Value());                // ref: what json
  Object why = client.getBooleanDetails("why", true);                     // ref: why boolean true
  String one = "client.getBooleanValue(\"in.text\", false)";
  String two = """
      client.getBooleanValue("in.block", false) "
      """;
  char quote = '"';
  boolean after = client.getBooleanValue("after.quote", false);           // ref: after.quote boolean false
  boolean no = config.getBooleanValue("no.fallback");
  boolean computed = client.getBooleanValue(PREFIX + "computed", false);
  boolean getBooleanValue(String key, boolean fallback) { return node.getBooleanValue(); }
}
