"""client.get_boolean_value("in.docstring", False)"""
import openfeature

# client.get_boolean_value("in.comment", False)
on = client.get_boolean_value("checkout.v2", False)                 # ref: checkout.v2 boolean false
on = client.get_boolean_value('single', True, context)              # ref: single boolean true
text = client.get_string_value("layout", default_value="multi")     # ref: layout string "multi"
text = client.get_string_value(default_value="x", flag_key="named")  # ref: named string "x"
days = client.get_integer_value("days", 1_4)                        # ref: days number 14
rate = client.get_float_value("rate", -0.5)                         # ref: rate number -0.5
what = client.get_object_value("what", {"a": [1, 2]})               # ref: what json
why = client.get_boolean_details("why", False)                      # ref: why boolean false
later = await client.get_boolean_value_async("later", False)        # ref: later boolean false
short = client.get_bool_value("short")                              # ref: short boolean
raw = client.get_boolean_value(r"raw", False)                       # ref: raw boolean false
tripled = client.get_boolean_value("""tripled""", False)            # ref: tripled boolean false
lib.guidon_bool(client, b"from.python", user, False)                # ref: from.python boolean false
joined = client.get_boolean_value(
    "joi"                                                           # ref: joined boolean false
    "ned",
    False,
)

one = "client.get_boolean_value('in.text', False)"
two = 'it\'s client.get_boolean_value("in.escaped", False)'
three = '''
client.get_boolean_value("in.tripled", False)
'''
four = r'\' client.get_boolean_value("in.raw", False)'
client.get_boolean_value(key, False)
client.get_boolean_value(f"put.{in_}", False)
client.get_boolean_value("put" + "together", False)
client.get_boolean_value("not a key", False)
client.other_get_boolean_value("another", False)
def get_boolean_value(self, flag_key, default_value): pass
settings.get("checkout.v2", False)
