package config

// refuseUnbuilt refuses settings that are designed but that this version
// cannot do. Taking one and doing less would break a promise silently.
func (c *Config) refuseUnbuilt(report reporter) {
	refuse := func(wrong bool, key, instead string) {
		if wrong {
			report(key, "this version cannot do that yet: %s", instead)
		}
	}
	refuse(c.Proxy.Mode == ModeShadow, "proxy.mode", `use "absorb" or "passthrough"`)
	refuse(c.WriteBack.DrainRateMin > 0, "writeback.drain_rate_min", "leave it 0 (the rate does not adapt)")
	for _, name := range c.Patterns() {
		t, at := c.Tables[name], joinKey([]string{"tables", name})
		refuse(t.Existence == ExistenceFilter, at+".existence", `use "check" or "trust"`)
		refuse(t.Lanes > 1, at+".lanes", "a table stands in one lane; leave it 1 and give busy tables a lane of their own with lane")
		refuse(t.Namespace != "", at+".namespace", "leave it empty (keys carry the table's name)")
	}
}
