export function Page() {
  const on = useBooleanFlagValue("jsx.hook", false);                    // ref: jsx.hook boolean false
  return <p title="it's">Don't {useStringFlagValue} </p>;
}
const later = client.getBooleanValue("after.jsx", false);               // ref: after.jsx boolean false
const same = <div>it's {useFlag('jsx.same', false).value} or 5' {useFlag('jsx.next', false).value}</div>;  // ref: jsx.same unknown false ; jsx.next unknown false
const other = <b>l'été, l’été's {useFlag('jsx.letter', false).value}</b>;  // ref: jsx.letter unknown false
import d from'it.mjs';switch(a){case'client.getBooleanValue("in.case", false)':return'useFlag("in.return", false)'}
const last = client.getBooleanValue('after.keywords', false);           // ref: after.keywords boolean false
