// client.get_bool_value("in.comment", None, None)
/* outer /* inner */ client.get_bool_value("in.nested", None, None) */
async fn main() {
    let on = client.get_bool_value("checkout.v2", None, None).await.unwrap_or(false); // ref: checkout.v2 boolean false
    let text = client.get_string_value(r"layout", None, None).await?;                // ref: layout string
    let days = client.get_int_value(r#"days"#, None, None)                            // ref: days number 14
        .await
        .unwrap_or(14);
    let rate = client.get_float_value("rate", Some(&context), None).await.unwrap_or(0.5); // ref: rate number 0.5
    let what = client.get_struct_value::<Wallets>("what", None, None).await;         // ref: what json
    let life: &'static str = "client.get_bool_value(\"in.text\", None, None)";
    let raw = r#"client.get_bool_value("in.raw", None, None)"#;
    let quote = '"'; let e = 'é'; let n = '\'';
    let after = client.get_bool_value("after.quote", None, None).await;              // ref: after.quote boolean
    let many = "over
        client.get_bool_value('lines', None, None)";
    client.get_bool_value(&key, None, None);
    client.get_bool_value(concat!("a", "b"), None, None);
}
fn longest<'a>(a: &'a str) -> &'a str { client.get_bool_value("lifetimes", None, None) } // ref: lifetimes boolean
