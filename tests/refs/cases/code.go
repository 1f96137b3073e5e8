package main

// client.BooleanValue(ctx, "in.comment", false, evalCtx)
func main() {
	verbose := flag.Bool("verbose", false, "usage")
	name := flags.String("name", "x", "usage")
	cmd.Flags().Int("count", 3, "usage")
	on, _ := client.BooleanValue(ctx, "checkout.v2", false, evalCtx) // ref: checkout.v2 boolean false
	text, _ := client.StringValue(ctx, `layout`, "multi", evalCtx)   // ref: layout string "multi"
	rate, _ := client.FloatValue(ctx, "rate", 0.5, evalCtx)          // ref: rate number 0.5
	why, _ := client.IntValueDetails(ctx, "why", 7, evalCtx)         // ref: why number 7
	is := client.Boolean(ctx, "short", true, evalCtx)                // ref: short boolean true
	C.guidon_bool(client, key, user, false)
	raw := `client.BooleanValue(ctx, "in.raw", false, evalCtx)`
	text2 := "client.BooleanValue(ctx, \"in.text\", false, evalCtx)"
	r := '"'
	after := client.Boolean(ctx, "after.rune", true, evalCtx) // ref: after.rune boolean true
	zap.String("key", "value")
	log.String(ctx, "three.arguments", "x")
	log.String("a", "b", "c", "d")
	log.Int(ctx, "text.for.number", "x", evalCtx)
}
