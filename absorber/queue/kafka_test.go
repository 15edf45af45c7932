package queue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// overKafka runs a scenario on the stand-in and on the broker.
func overKafka(t *testing.T, scenario func(t *testing.T, opts KafkaOptions)) {
	t.Run("kfake", func(t *testing.T) { scenario(t, kafkaOptions(t, fakeKafka(t))) })
	t.Run("kafka", func(t *testing.T) { scenario(t, kafkaOptions(t, servertest.Kafka(t))) })
}

// adminOf is a plain administration client.
func adminOf(t *testing.T, opts KafkaOptions) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(opts.Brokers...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// wantError fails unless err is of the kind and its text has all the parts.
func wantError(t *testing.T, err error, kind row.Kind, parts ...string) {
	t.Helper()
	var typed *row.Error
	if !errors.As(err, &typed) || typed.Kind != kind {
		t.Fatalf("got %v, want an error that is %v", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("%q does not say %q", err, part)
		}
	}
}

func TestKafkaOptions(t *testing.T) {
	good := KafkaOptions{Brokers: []string{"x:1"}, Topic: "t", GroupID: "g", Lanes: []row.Lane{laneA}, RequiredAcks: -1}
	bad := map[string]func(*KafkaOptions){
		"broker":        func(o *KafkaOptions) { o.Brokers = nil },
		"topic":         func(o *KafkaOptions) { o.Topic = "" },
		"group_id":      func(o *KafkaOptions) { o.GroupID = "" },
		"lanes":         func(o *KafkaOptions) { o.Lanes = nil },
		"twice":         func(o *KafkaOptions) { o.Lanes = []row.Lane{laneA, laneA} },
		"in-sync":       func(o *KafkaOptions) { o.RequiredAcks = 1 },
		"SASL":          func(o *KafkaOptions) { o.SASL.Mechanism = "gssapi" },
		"one second":    func(o *KafkaOptions) { o.Timeout = time.Millisecond },
		"max_message_b": func(o *KafkaOptions) { o.MaxMessageBytes = -1 },
	}
	for part, change := range bad {
		opts := good
		change(&opts)
		if _, err := NewKafka(opts); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", part, err)
		}
	}
	closing(t, openKafka(t, good))
}

// Check finds out whether the topic could be made, and does not make it; the
// first use does, with a partition a lane.
func TestKafkaTopic(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		admin := adminOf(t, opts)
		if err := openKafka(t, opts).Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if topics, err := admin.ListTopics(t.Context()); err != nil || topics.Has(opts.Topic) {
			t.Fatalf("Check has made the topic, error %v", err)
		}
		publish(t, openKafka(t, opts), laneB, 1, 3)
		opts.Lanes = append(opts.Lanes, "c")
		wide := openKafka(t, opts)
		if err := wide.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, wide, "c", 1, 3)
		expect(t, wide, "c", 0, 3)
		expect(t, wide, laneB, 0, 3)
		time.Sleep(20 * time.Millisecond) // the administration client's memory of topics
		topics, err := admin.ListTopics(t.Context(), opts.Topic)
		if err != nil || len(topics[opts.Topic].Partitions) != 3 {
			t.Fatalf("%v, error %v", topics, err)
		}
		opts.MaxMessageBytes = 50_000_000
		wantError(t, openKafka(t, opts).Check(t.Context()), row.Permanent, "max_message_bytes", "max.message.bytes")
	})
}

func TestKafkaUnreachable(t *testing.T) {
	opts := kafkaOptions(t, "127.0.0.1:1")
	opts.Timeout = time.Second
	k := openKafka(t, opts)
	wantError(t, k.Check(t.Context()), row.Transient, "127.0.0.1:1", "brokers")
	wantError(t, k.Publish(t.Context(), laneA, units(laneA, 1, 1)), row.Transient, "127.0.0.1:1")
	wantError(t, k.Publish(t.Context(), "nowhere", units(laneA, 1, 1)), row.Permanent, "no partition")
}

// A record that does not fit says which setting decides, before it is sent or
// when the broker refuses it.
func TestKafkaRecordTooLarge(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		opts.MaxMessageBytes = 20_000
		k := openKafka(t, opts)
		recs := units(laneA, 1, 3)
		recs[1].Data = make([]byte, 20_001)
		wantError(t, k.Publish(t.Context(), laneA, recs), row.Permanent, "max_message_bytes", "lsn 2")
		recs[1].Data = make([]byte, 19_900)
		if err := k.Publish(t.Context(), laneA, recs); err != nil {
			t.Fatalf("a record that just fits: %v", err)
		}
		// The operator lowers the topic's limit behind our back.
		size := "2000"
		if _, err := adminOf(t, opts).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &size}}, opts.Topic); err != nil {
			t.Fatal(err)
		}
		recs = []wal.Record{{LSN: 4, Data: make([]byte, 15_000)}}
		if _, err := rand.Read(recs[0].Data); err != nil { // incompressible
			t.Fatal(err)
		}
		wantError(t, k.Publish(t.Context(), laneA, recs), row.Permanent, "max_message_bytes")
	})
}

// Operators see the lag of the group, and the position names the LSN.
func TestKafkaCommits(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		k := openKafka(t, opts)
		publish(t, k, laneB, 1, 20)
		expect(t, k, laneB, 0, 20)
		forget(t, k, laneB, 15)
		offsets, err := adminOf(t, opts).FetchOffsets(t.Context(), opts.GroupID)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := offsets.Lookup(opts.Topic, 1)
		if got.At != 15 || got.Metadata != "b@15" {
			t.Fatalf("committed %+v", got)
		}
	})
}

// The topic is deleted under a running queue: it is made again, and everything
// not drained is asked for again.
func TestKafkaTopicDeleted(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		k := openKafka(t, opts)
		publish(t, k, laneA, 1, 20)
		expect(t, k, laneA, 0, 5)
		forget(t, k, laneA, 5)
		if _, err := adminOf(t, opts).DeleteTopic(t.Context(), opts.Topic); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(hang); ; {
			if err := k.Publish(t.Context(), laneA, units(laneA, 6, 25)); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		for after := row.LSN(5); after < 25; {
			recs, err := poll(t, k, laneA, after, 50)
			if errors.Is(err, ErrGap) {
				publish(t, k, laneA, after+1, 25)
			}
			var typed *row.Error
			if err != nil && (!errors.As(err, &typed) || typed.Kind != row.Transient) {
				t.Fatal(err)
			}
			after += row.LSN(len(recs))
		}
	})
}

// A partition that held another lane's records: they are not ours.
func TestKafkaForeignRecords(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		old := openKafka(t, opts)
		publish(t, old, laneA, 1, 20)
		expect(t, old, laneA, 0, 20)
		forget(t, old, laneA, 20)
		opts.Lanes = []row.Lane{"z", laneB}
		k := openKafka(t, opts)
		expectGap(t, k, "z", 4)
		publish(t, k, "z", 5, 9)
		expect(t, k, "z", 4, 9)
		if top, err := k.Top(t.Context(), "z"); err != nil || top != 9 {
			t.Fatalf("top %d, error %v", top, err)
		}
	})
}

// The broker dies under relay and drainer and comes back with its data.
func TestKafkaBrokerRestart(t *testing.T) {
	broker := servertest.KafkaBroker(t)
	opts := kafkaOptions(t, broker.Addr)
	opts.Timeout = 2 * time.Second
	k := openKafka(t, opts)
	publish(t, k, laneA, 1, 20)
	expect(t, k, laneA, 0, 10)
	forget(t, k, laneA, 5)
	broker.Kill()
	wantError(t, k.Publish(t.Context(), laneA, units(laneA, 21, 22)), row.Transient)
	wantError(t, k.Forget(t.Context(), laneA, 10), row.Transient)
	wantError(t, k.Check(t.Context()), row.Transient, broker.Addr)
	broker.Restart(t)
	for deadline := time.Now().Add(hang); ; {
		if err := k.Publish(t.Context(), laneA, units(laneA, 21, 25)); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	drain(t, k, laneA, 10, 25)
	fresh := openKafka(t, opts)
	drain(t, fresh, laneA, 10, 25)
}

func TestKafkaLogin(t *testing.T) {
	addr := fakeKafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "secret"),
		kfake.Superuser("SCRAM-SHA-256", "u", "secret"), kfake.Superuser("SCRAM-SHA-512", "u", "secret"))
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			opts := kafkaOptions(t, addr)
			opts.Timeout = 2 * time.Second
			opts.SASL = SASL{Mechanism: mechanism, Username: "u", Password: "secret"}
			k := openKafka(t, opts)
			publish(t, k, laneA, 1, 3)
			expect(t, k, laneA, 0, 3)
			opts.SASL.Password = "wrong-one"
			// A busy machine may let the last of the client's tries end in a
			// time-out instead, which the error then tells.
			wrong := openKafka(t, opts)
			err := wrong.Check(t.Context())
			for try := 0; try < 5 && !strings.Contains(err.Error(), "sasl"); try++ {
				err = wrong.Check(t.Context())
			}
			wantError(t, err, row.Transient, "sasl")
			if strings.Contains(err.Error(), "wrong-one") {
				t.Fatal("the error tells the password")
			}
		})
	}
}

func TestKafkaTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(cert)
	addr := fakeKafka(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	opts := kafkaOptions(t, addr)
	opts.Timeout = time.Second
	wantError(t, openKafka(t, opts).Check(t.Context()), row.Transient)
	opts.TLS = &tls.Config{RootCAs: trust}
	k := openKafka(t, opts)
	publish(t, k, laneA, 1, 3)
	expect(t, k, laneA, 0, 3)
}
