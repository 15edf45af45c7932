package config

// validateDurability reports levels of durability that the rest of the
// configuration cannot give, of the tables and of the default.
func (c *Config) validateDurability(report reporter) {
	check := func(key, level string) {
		switch {
		case level == DurabilityKafka && c.WriteBack.QueueType != QueueKafka:
			report(key, "\"kafka\" needs queue_type = \"kafka\" in [writeback], which is %q", c.WriteBack.QueueType)
		case level == DurabilityReplica && c.KVStore.Cluster:
			report(key, "\"replica\" cannot go together with kvstore.cluster = true: WAIT answers for one node, and a commit cannot name it; use \"kafka\"")
		}
	}
	check("writeback.durability", c.WriteBack.Durability)
	for _, name := range c.Patterns() {
		check(joinKey([]string{"tables", name})+".durability", c.Tables[name].Durability)
	}
}
