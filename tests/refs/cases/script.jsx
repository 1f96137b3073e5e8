export function Page() {
  const on = useBooleanFlagValue("jsx.hook", false);                    // ref: jsx.hook boolean false
  return <p title="it's">Don't {useStringFlagValue} </p>;
}
const later = client.getBooleanValue("after.jsx", false);               // ref: after.jsx boolean false
