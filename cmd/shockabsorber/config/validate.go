package config

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
)

// reporter records that the value of a key is wrong and why.
type reporter func(key, format string, args ...any)

// validate reports everything that is wrong with c; secrets are resolved.
func (c *Config) validate(report reporter) {
	c.Proxy.validate(report)
	validateUsers(c.Users, report)
	c.Database.validate(report)
	c.KVStore.validate(report)
	c.WriteBack.validate(report)
	for _, name := range c.Patterns() {
		t := c.Tables[name]
		t.validate(name, report)
	}
	c.validateDurability(report)
	c.Admin.validate(report)
	oneOf(report, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(report, "log.format", c.Log.Format, "text", "json")
	c.refuseUnbuilt(report)
}

// validate reports what is wrong with the listener.
func (p *Proxy) validate(report reporter) {
	if p.Listen == "" && p.Socket == "" {
		report("proxy.listen", "neither listen nor socket is set: applications could not connect")
	}
	if p.Listen != "" {
		address(report, "proxy.listen", p.Listen)
	}
	atLeast(report, "proxy.max_connections", p.MaxConnections, 1)
	atLeast(report, "proxy.max_packet", p.MaxPacket, 1<<20)
	if p.MaxPacket > 1<<30 {
		report("proxy.max_packet", "%d is above 1073741824, the most that MySQL takes", p.MaxPacket)
	}
	oneOf(report, "proxy.mode", p.Mode, ModeAbsorb, ModeShadow, ModePassthrough)
	if (p.TLS.Cert == "") != (p.TLS.Key == "") {
		report("proxy.tls", "cert and key belong together: give both or none")
	}
	if p.TLS.Cert == "" && (p.TLS.Required || p.TLS.CA != "") {
		report("proxy.tls", "required and ca need a certificate: set cert and key")
	}
}

// validateUsers reports what is wrong with the logins.
func validateUsers(users []User, report reporter) {
	if len(users) == 0 {
		report("users", "no user may log in: add a section\n\n    [[users]]\n    name = \"app\"\n    password_env = \"APP_PASSWORD\"\n\nwith a name and a password that MySQL knows too")
	}
	seen := map[string]bool{}
	for i := range users {
		u, at := &users[i], fmt.Sprintf("users[%d].", i)
		switch {
		case u.Name == "":
			report(at+"name", "is empty: anonymous logins are not offered")
		case seen[u.Name]:
			report(at+"name", "user %q is there twice", u.Name)
		}
		seen[u.Name] = true
		if u.BackendUser == "" && !u.BackendPassword.Empty() {
			report(at+"backend_password", "needs backend_user: without it the backend login is name and password")
		}
	}
}

// validate reports what is wrong with the backend's address and login.
func (d *Database) validate(report reporter) {
	oneOf(report, "database.type", d.Type, "mysql")
	if d.Socket == "" {
		if d.Host == "" {
			report("database.host", "is empty, and so is socket: where is MySQL?")
		}
		if d.Port < 1 || d.Port > 65535 {
			report("database.port", "%d is not a port: 1 to 65535", d.Port)
		}
	}
	if d.Username == "" {
		report("database.username", "is empty: the proxy needs a login of its own (catalog, drainer, checkpoint)")
	}
	atLeast(report, "database.max_open_conns", d.MaxOpenConns, 1)
	d.TLS.validate("database.tls", report)
}

// validate reports what is wrong with the address of Redis.
func (k *KVStore) validate(report reporter) {
	oneOf(report, "kvstore.type", k.Type, "redis")
	if len(k.Endpoints) == 0 {
		report("kvstore.endpoints", "is empty: give at least one host:port")
	}
	for _, e := range k.Endpoints {
		address(report, "kvstore.endpoints", e)
	}
	if len(k.Endpoints) > 1 && !k.Cluster && k.SentinelMaster == "" {
		report("kvstore.endpoints", "several endpoints need cluster = true, or sentinel_master with the addresses of the sentinels")
	}
	if k.Cluster && k.SentinelMaster != "" {
		report("kvstore.sentinel_master", "cannot go together with cluster = true")
	}
	if k.Cluster && k.DB != 0 {
		report("kvstore.db", "a Redis Cluster has only db 0")
	}
	atLeast(report, "kvstore.db", k.DB, 0)
	atLeast(report, "kvstore.pool_size", k.PoolSize, 1)
	k.TLS.validate("kvstore.tls", report)
}

// validate reports what is wrong with the way back to MySQL.
func (w *WriteBack) validate(report reporter) {
	rate(report, "writeback.drain_rate", w.DrainRate)
	if w.DrainRate == 0 {
		report("writeback.drain_rate", "0 is not above 0: the backlog would never reach MySQL (pause a lane to stop it for a while)")
	}
	rate(report, "writeback.drain_rate_min", w.DrainRateMin)
	if w.DrainRateMin > w.DrainRate {
		report("writeback.drain_rate_min", "%v is above drain_rate %v", w.DrainRateMin, w.DrainRate)
	}
	atLeast(report, "writeback.drain_burst", w.DrainBurst, 0)
	atLeast(report, "writeback.batch_size", w.BatchSize, 1)
	w.DefaultTTL.validate(report, "writeback.default_ttl", 0)
	oneOf(report, "writeback.queue_type", w.QueueType, QueueMemory, QueueRedis, QueueKafka)
	oneOf(report, "writeback.durability", w.Durability, DurabilityRedis, DurabilityReplica, DurabilityKafka)
	rate(report, "writeback.barrier_rate", w.BarrierRate)
	w.BarrierTimeout.validate(report, "writeback.barrier_timeout", 1)
	atLeast(report, "writeback.max_backlog", w.MaxBacklog, 0)
	atLeast(report, "writeback.replicas", w.Replicas, 1)
	atLeast(report, "writeback.max_backlog_bytes", w.MaxBacklogBytes, 0)
	w.MaxBacklogAge.validate(report, "writeback.max_backlog_age", 0)
	if !(w.MemoryWatermark >= 0 && w.MemoryWatermark < 1) {
		report("writeback.memory_watermark", "%v is not a share of Redis' maxmemory: from 0 (off) to below 1", w.MemoryWatermark)
	}
	oneOf(report, "writeback.on_full", w.OnFull, OnFullBlock, OnFullPassthrough, OnFullReject)
	w.RetryBackoff.validate(report, "writeback.retry_backoff", 1)
	w.RequestHistory.validate(report, "writeback.request_history", 0)
	w.Kafka.validate(w.QueueType == QueueKafka, report)
}

// validate reports what is wrong with Kafka; used says that it is the queue.
func (k *Kafka) validate(used bool, report reporter) {
	if used && len(k.Brokers) == 0 {
		report("writeback.kafka.brokers", "is empty, but queue_type is \"kafka\": give at least one host:port")
	}
	for _, b := range k.Brokers {
		address(report, "writeback.kafka.brokers", b)
	}
	if used && k.Topic == "" {
		report("writeback.kafka.topic", "is empty")
	}
	if used && k.GroupID == "" {
		report("writeback.kafka.group_id", "is empty")
	}
	if k.RequiredAcks != -1 {
		report("writeback.kafka.required_acks", "%d would lose acknowledged writes with a broker: only -1 (all in-sync replicas) keeps the guarantees", k.RequiredAcks)
	}
	atLeast(report, "writeback.kafka.max_message_bytes", k.MaxMessageBytes, 1024)
	k.TLS.validate("writeback.kafka.tls", report)
	oneOf(report, "writeback.kafka.sasl.mechanism", k.SASL.Mechanism, "", "plain", "scram-sha-256", "scram-sha-512")
	if k.SASL.Mechanism != "" && (k.SASL.Username == "" || k.SASL.Password.Empty()) {
		report("writeback.kafka.sasl.mechanism", "needs username and password")
	}
}

// validate reports what is wrong with the TLS settings under key.
func (t *ClientTLS) validate(key string, report reporter) {
	if (t.Cert == "") != (t.Key == "") {
		report(key, "cert and key belong together: give both or none")
	}
	if !t.Enabled && (t.CA != "" || t.Cert != "" || t.ServerName != "" || t.SkipVerify) {
		report(key+".enabled", "is false, but other TLS settings are given: they would do nothing")
	}
	if t.SkipVerify && t.CA != "" {
		report(key+".skip_verify", "cannot go together with ca: one checks the certificate, the other does not")
	}
}

// validate reports what is wrong with the HTTP listener.
func (a *Admin) validate(report reporter) {
	if a.Listen == "" {
		return
	}
	if address(report, "admin.listen", a.Listen) && !loopback(a.Listen) && a.Token.Empty() {
		report("admin.listen", "%s can be reached from other machines: set admin.token (or token_env, token_file), or listen on 127.0.0.1", a.Listen)
	}
}

// address reports whether s is host:port, and complains if not.
func address(report reporter, key, s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		report(key, "%q is not host:port", s)
		return false
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		report(key, "%q has no port from 0 to 65535", s)
		return false
	}
	return true
}

// loopback reports whether only this machine can reach a listener at s.
func loopback(s string) bool {
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// oneOf complains unless value is one of the words.
func oneOf(report reporter, key, value string, words ...string) {
	if slices.Contains(words, value) {
		return
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	report(key, "%q is none of %s", value, strings.Join(quoted, ", "))
}

// atLeast complains about a value below least.
func atLeast[T int | int64](report reporter, key string, value, least T) {
	if value < least {
		report(key, "%v is less than %v", value, least)
	}
}

// rate complains about a rate that is negative or no number.
func rate(report reporter, key string, value float64) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		report(key, "%v is not a finite number", value)
	case value < 0:
		report(key, "%v is not above 0", value)
	}
}
