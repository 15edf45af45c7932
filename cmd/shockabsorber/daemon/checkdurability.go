package daemon

import (
	"context"
	"fmt"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// reportDurability says of each level that is in use when it answers, what an
// acknowledged write then survives, and for which tables.
func (p *parts) reportDurability(ctx context.Context, report func(part, result, text string)) error {
	for _, level := range p.cfg.Durabilities() {
		text := ""
		switch level {
		case config.DurabilityRedis:
			text = "the log in Redis has it; survives the proxy, and Redis as far as its append-only file goes (see its warnings above)"
		case config.DurabilityReplica:
			how := p.store.Confirmation()
			text = fmt.Sprintf("Redis has confirmed it (%s); survives the loss of the master's machine", how)
			if strings.HasPrefix(how, "WAITAOF") {
				text += ", and a power cut of all of them"
			}
		case config.DurabilityKafka:
			text = "all in-sync replicas of Kafka have it; survives the loss of Redis"
			if err := p.reportCopies(ctx, report); err != nil {
				return err
			}
		}
		report("durability "+level, "ok", fmt.Sprintf("%s (%s)", text, p.tablesAt(level)))
	}
	return nil
}

// tablesAt names the entries of [tables] at a level.
func (p *parts) tablesAt(level string) string {
	var names []string
	for _, name := range p.cfg.Patterns() {
		if d := p.cfg.Tables[name].Durability; d == level || d == "" && p.cfg.WriteBack.Durability == level {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "no table"
	}
	return strings.Join(names, ", ")
}

// reportCopies warns of a topic that one broker's disk can lose.
func (p *parts) reportCopies(ctx context.Context, report func(part, result, text string)) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	replicas, insync, err := p.kafka.Copies(ctx)
	if err == nil && replicas > 0 && insync < 2 {
		report("Kafka", "warning", fmt.Sprintf("the topic has %d replicas and min.insync.replicas = %d: a write counts as safe when one broker has it", replicas, insync))
	}
	return err
}
