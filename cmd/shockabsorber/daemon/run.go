package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// Run serves applications until ctx ends: proxy, relay, drainer and admin
// listener. It then stops accepting, lets running statements finish, gives up
// its leases and returns nil; the backlog stays in Redis.
func Run(ctx context.Context, cfg *config.Config, opt Options) error {
	if cfg.Proxy.Mode == config.ModePassthrough {
		return runPassthrough(ctx, cfg, &opt)
	}
	p, err := assemble(cfg, &opt)
	if err != nil {
		return err
	}
	err = p.serve(ctx, &opt)
	return errors.Join(err, p.close())
}

// serve brings the lanes up and runs everything.
func (p *parts) serve(ctx context.Context, opt *Options) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	p.absorbing = proxy.NewAbsorbing(p.engine, p.process, p.log, p.metrics)
	server, err := newProxy(p.cfg, opt, p.metrics, p.absorbing.NewRouter)
	if err != nil {
		return err
	}
	p.absorbing.Administer(&administration{p: p, srv: server})
	backend, err := backendConfig(&p.cfg.Database)
	if err != nil {
		return err
	}
	p.absorbing.ComputeOn(proxy.ShadowConfig{Backend: backend, User: p.cfg.Database.Username, Password: p.cfg.Database.Password.Reveal(), Logger: p.log})
	defer p.absorbing.Close()
	return p.run(ctx, opt, server)
}

// Drain runs relay, drainer and admin listener without a proxy, until ctx ends.
func Drain(ctx context.Context, cfg *config.Config, opt Options) error {
	p, err := assemble(cfg, &opt)
	if err != nil {
		return err
	}
	if err = p.prepare(ctx); err == nil {
		err = p.run(ctx, &opt, nil)
	}
	return errors.Join(err, p.close())
}

// run runs the parts until ctx ends; server is nil without a proxy.
func (p *parts) run(ctx context.Context, opt *Options, server *proxy.Server) error {
	top, err := p.listeners(opt, server)
	if err != nil {
		return err
	}
	drainers := layer{p.purge}
	for _, w := range p.workers {
		drainers = append(drainers, w.Run)
	}
	return runLayers(ctx, layer{p.store.Run}, layer{p.engine.Run}, drainers, top)
}

// listeners is the layer that the outside reaches: proxy and admin.
func (p *parts) listeners(opt *Options, server *proxy.Server) (layer, error) {
	http, err := p.newAdmin(server)
	if err != nil {
		return nil, err
	}
	top := layer{announce(opt, p.cfg, server, http)}
	if server != nil {
		top = append(top, server.Run)
	}
	if http != nil {
		top = append(top, http.Run)
	}
	return top, nil
}

// runPassthrough serves applications without absorbing anything. It needs no
// Redis, but if tables are configured one may hold writes that MySQL does not
// have yet, and to go past those would show and change old rows.
func runPassthrough(ctx context.Context, cfg *config.Config, opt *Options) error {
	if len(cfg.Tables) > 0 {
		if err := refusePending(ctx, cfg, opt); err != nil {
			return err
		}
	}
	p := &parts{cfg: cfg, log: opt.logger(), process: processName(), started: time.Now(), metrics: opt.metrics()}
	server, err := newProxy(cfg, opt, p.metrics, nil)
	if err != nil {
		return err
	}
	top, err := p.listeners(opt, server)
	if err != nil {
		return err
	}
	return runLayers(ctx, top)
}

// refusePending returns an error while Redis holds writes that are not in
// MySQL. A Redis that does not answer is only warned of: to pass everything
// through is what an operator does when Redis is lost.
func refusePending(ctx context.Context, cfg *config.Config, opt *Options) error {
	p, err := assemble(cfg, &Options{Logger: opt.Logger})
	if err != nil {
		return err
	}
	n := int64(0)
	for _, lane := range p.lanes() {
		progress, oerr := p.store.Remains(ctx, lane)
		n += progress.Pending
		err = errors.Join(err, oerr)
	}
	defer p.close()
	switch {
	case err != nil:
		opt.logger().Warn("cannot see whether writes are still waiting for MySQL; they would be passed by", "component", "REDIS", "error", err)
	case n > 0:
		return fmt.Errorf("%d units in Redis have not reached MySQL yet, and would be passed by: run `shockabsorber drain` until the backlog is 0, then start with mode = \"passthrough\"", n)
	}
	return nil
}

// newProxy translates the configuration for the proxy.
func newProxy(cfg *config.Config, opt *Options, reg prometheus.Registerer, router func(*proxy.Conn) proxy.Router) (*proxy.Server, error) {
	clients, err := serverTLS(cfg.Proxy.TLS)
	if err != nil {
		return nil, fmt.Errorf("proxy.tls: %w", err)
	}
	backend, err := backendConfig(&cfg.Database)
	if err != nil {
		return nil, err
	}
	var users []proxy.User
	for i := range cfg.Users {
		u := &cfg.Users[i]
		users = append(users, proxy.User{
			Name: u.Name, Password: u.Password.Reveal(), Database: u.Database, Admin: u.Admin,
			BackendUser: u.BackendUser, BackendPassword: u.BackendPassword.Reveal(),
		})
	}
	return proxy.New(proxy.Config{
		Listen: cfg.Proxy.Listen, Socket: cfg.Proxy.Socket, TLS: clients, RequireTLS: cfg.Proxy.TLS.Required, Users: users,
		Backend:        backend,
		MaxConnections: cfg.Proxy.MaxConnections, MaxPacket: cfg.Proxy.MaxPacket, ServerVersion: cfg.Proxy.ServerVersion,
		NewRouter: router, Logger: opt.logger(), Registerer: reg,
	})
}

// backendConfig says where MySQL is, as the proxy wants it.
func backendConfig(db *config.Database) (proxy.BackendConfig, error) {
	tls, err := clientTLS(db.TLS, db.Host)
	if err != nil {
		return proxy.BackendConfig{}, fmt.Errorf("database.tls: %w", err)
	}
	network, addr := backendAddress(db)
	return proxy.BackendConfig{Network: network, Addr: addr, TLS: tls}, nil
}

// newAdmin opens the admin listener; nil if there is none.
func (p *parts) newAdmin(server *proxy.Server) (*admin.Server, error) {
	if p.cfg.Admin.Listen == "" {
		return nil, nil
	}
	return admin.New(admin.Config{
		Listen: p.cfg.Admin.Listen, Token: p.cfg.Admin.Token.Reveal(), Gatherer: p.metrics,
		Status: func(ctx context.Context) (admin.Status, error) { return p.status(ctx, server) },
		Ready:  func(ctx context.Context) error { return p.ready(ctx, server) },
		Logger: p.log.With("component", "PROXY"), Operations: p.operations(),
	})
}

// announce tells the caller when everything listens, and then waits with the
// others: a function of a layer that returns stops them all.
func announce(opt *Options, cfg *config.Config, server *proxy.Server, http *admin.Server) func(context.Context) error {
	return func(ctx context.Context) error {
		var a Addresses
		if server != nil {
			select {
			case <-server.Ready():
			case <-ctx.Done():
				return nil
			}
			a.Socket = cfg.Proxy.Socket
			if cfg.Proxy.Listen != "" {
				a.Proxy = server.Addr().String()
			}
		}
		if http != nil {
			a.Admin = http.Addr()
		}
		if opt.Ready != nil {
			opt.Ready(a)
		}
		<-ctx.Done()
		return nil
	}
}
