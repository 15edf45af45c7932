package crash

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// victim is something that is killed with kill -9 and started again.
type victim struct {
	name    string
	kill    func()
	restart func()
}

// daemon makes a victim of a process of the product.
func (w *world) daemon(name string, d *servertest.Daemon) victim {
	return victim{name, d.Kill, func() {
		if err := d.Restart(patience); err != nil {
			w.t.Errorf("seed %d: the %s does not start again: %v", w.seed, name, err)
		}
	}}
}

// victims are one of each kind.
func (w *world) victims(rng *rand.Rand) []victim {
	p := w.proxies[rng.IntN(2)]
	all := []victim{
		w.daemon("proxy", p),
		w.daemon("drainer", w.owner(p)),
		{"redis", w.redis.Kill, w.redis.Restart},
		{"mysql", w.db.Kill, func() { w.db.Restart(w.t) }},
	}
	if w.kafka != nil {
		all = append(all, victim{"kafka", w.kafka.Kill, func() { w.kafka.Restart(w.t) }})
	}
	return all
}

// owner is the process that drains the lane now: the lane's lease in Redis
// names it, host-pid-random. It is the drainer if that cannot be told, or if
// the process is the one that is not wanted.
func (w *world) owner(not *servertest.Daemon) *servertest.Daemon {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	parts := strings.Split(w.rdb.Get(ctx, "sa:{main}:owner").Val(), "-")
	if len(parts) >= 3 {
		pid, _ := strconv.Atoi(parts[len(parts)-2])
		for _, p := range w.proxies {
			if p.Pid() == pid && p != not {
				return p
			}
		}
	}
	return w.drainer
}

// processes are those of the product: both proxies and the drainer.
func (w *world) processes() []victim {
	return []victim{w.daemon("proxy 1", w.proxies[0]), w.daemon("proxy 2", w.proxies[1]), w.daemon("drainer", w.drainer)}
}

// strike kills one victim, or two of different kinds within a moment, and
// starts them again after a while. It returns when they answer.
func (w *world) strike(rng *rand.Rand) { w.strikeAt(rng, w.victims(rng)) }

// strikeAt is strike with other victims, of which it kills one or two.
func (w *world) strikeAt(rng *rand.Rand, all []victim) {
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	chosen := all[:1+rng.IntN(2)]
	gap := time.Duration(rng.IntN(400)) * time.Millisecond
	var names []string
	for _, v := range chosen {
		names = append(names, v.name)
	}
	slices.Sort(names)
	what := strings.Join(names, "+")
	w.kills[what]++
	w.t.Logf("%v kill -9 %s", w.now().Round(time.Millisecond), what)
	var wg sync.WaitGroup
	for i, v := range chosen {
		if i > 0 {
			time.Sleep(gap)
		}
		v.kill()
		down := time.Duration(rng.IntN(2000)) * time.Millisecond
		wg.Go(func() {
			time.Sleep(down)
			v.restart()
		})
	}
	wg.Wait()
}
