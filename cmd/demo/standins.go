package main

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
)

// startRedis starts a Redis in this process.
func startRedis() (*miniredis.Miniredis, error) { return miniredis.Run() }

// passTime lets keys expire: in miniredis time stands still unless it is told.
func passTime(ctx context.Context, r *miniredis.Miniredis) error {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.FastForward(step)
		case <-ctx.Done():
			return nil
		}
	}
}

// startKafka starts a broker in this process. The topic is made by whoever
// uses it.
func startKafka() (*kfake.Cluster, error) { return kfake.NewCluster(kfake.NumBrokers(1)) }

// splitAddress splits host:port of an address that is known to be one.
func splitAddress(addr string) (host string, number int) {
	host, p, _ := net.SplitHostPort(addr)
	number, _ = strconv.Atoi(p)
	return host, number
}

// port is the port of an address.
func port(addr string) string {
	_, n := splitAddress(addr)
	return strconv.Itoa(n)
}
