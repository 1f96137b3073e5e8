// client.getBooleanValue('in.comment', false);
/* client.getBooleanValue('in.block', false); */
const on = await client.getBooleanValue('checkout.v2', false);          // ref: checkout.v2 boolean false
const text = client.getStringValue("layout", 'multi', context);         // ref: layout string "multi"
const days = client.getNumberValue(`days`, 14);                         // ref: days number 14
const what = client.getObjectValue<Wallets<string>>('what', { a: 1 });  // ref: what json
const why = client?.getBooleanDetails('why', true);                     // ref: why boolean true
const { value } = useBooleanFlagValue('hook', false);                   // ref: hook boolean false
const flag = useFlag('any', 'x');                                       // ref: any unknown "x"
const inside = `on: ${client.getBooleanValue('in.template', false)} {`;  // ref: in.template boolean false
const deep = `a ${ { b: `c ${client.getBooleanValue('deep', { d: 1 })}` } } d`;  // ref: deep boolean
const after = client.getBooleanValue('after.template', false);          // ref: after.template boolean false
const quote = /["'`]/.test(s); client.getBooleanValue('after.regex', true);  // ref: after.regex boolean true
const half = a / b; client.getBooleanValue('after.division', true); c / d;  // ref: after.division boolean true
return /\/['"]/; client.getBooleanValue('after.return', true);          // ref: after.return boolean true

const one = "client.getBooleanValue('in.text', false)";
const two = 'it\'s client.getBooleanValue("in.escaped", false)';
const three = `client.getBooleanValue('in.literal', false)
client.getBooleanValue('in.second.line', false)`;
const four = /client.getBooleanValue("in.regex", false)/;
client.getBooleanValue(key, false);
client.getBooleanValue(`put.${together}`, false);
client.getBooleanValue('put' + 'together', false);
client.getBooleanValue('no.fallback');
client.getBooleanValue('not a key', false);
localStorage.getItem('checkout.v2');
element.getAttribute('checkout.v2', false);
