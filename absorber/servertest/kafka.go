package servertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaConfig is the broker's configuration: one node that is broker and
// controller. %[1]d and %[2]d are their ports, %[3]s the data folder. Internal
// topics are small, topics appear only when somebody creates them, and a
// killed broker's session ends soon, since the restarted one waits for that.
const kafkaConfig = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
log.cleaner.dedupe.buffer.size=2097152
`

// clusterID names the test cluster; the template is formatted with it.
const clusterID = "c2hvY2stYWJzb3JiZXItMQ"

// KafkaServer is a running broker.
type KafkaServer struct {
	Addr string // "127.0.0.1:port"

	server *process
}

// kafkaServer is the binary's broker.
var kafkaServer shared[*KafkaServer]

// Kafka returns the address of the test binary's Kafka broker.
func Kafka(tb testing.TB) string {
	tb.Helper()
	return KafkaBroker(tb).Addr
}

// KafkaBroker is Kafka for tests that also kill and restart the broker. It is
// the same, shared, broker.
func KafkaBroker(tb testing.TB) *KafkaServer {
	tb.Helper()
	return kafkaServer.get(tb, "Kafka", func() (*KafkaServer, error) { return attempts(startKafka) })
}

// javaFlags are for a broker that starts fast and stays small.
func javaFlags(libs string) []string {
	return []string{
		"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(libs, "*"),
	}
}

// startKafka copies the formatted template and runs a broker on it.
func startKafka() (*KafkaServer, error) {
	libs := os.Getenv(envKafka)
	if libs == "" {
		libs = "/var/cache/shock-absorber/kafka/libs"
	}
	jars, err := filepath.Glob(filepath.Join(libs, "kafka_2.13-*.jar"))
	if err != nil || len(jars) == 0 {
		return nil, fmt.Errorf("no Kafka jars in %s: run .ci/setup, or set %s", libs, envKafka)
	}
	java, err := executable("java", "apt-get install openjdk-17-jre-headless, or run .ci/setup")
	if err != nil {
		return nil, err
	}
	made, err := template(os.TempDir(), nameOf([]byte(jars[0])), func(dir string) error { return formatKafka(java, libs, dir) })
	if err != nil {
		return nil, err
	}
	dir, err := newFolder(os.TempDir())
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir.path, "data")
	if err := copyTree(made, data); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	controller, err := freePort()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir.path, "server.properties")
	if err := os.WriteFile(config, fmt.Appendf(nil, kafkaConfig, port, controller, data), 0o600); err != nil {
		return nil, err
	}
	k := &KafkaServer{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	k.server = &process{name: "kafka", path: java, args: append(javaFlags(libs), "kafka.Kafka", config), dir: dir, ready: k.ping}
	return k, k.server.start()
}

// formatKafka prepares an empty data folder. The ports in this configuration
// are never listened on.
func formatKafka(java, libs, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	config := dir + ".properties"
	if err := os.WriteFile(config, fmt.Appendf(nil, kafkaConfig, 1, 2, dir), 0o600); err != nil {
		return err
	}
	err := run("", java, append(javaFlags(libs), "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", config)...)
	return errors.Join(err, os.Remove(config))
}

// ping asks the broker whether it answers requests, those of consumer groups
// too: its port opens earlier, and its group coordinator later.
func (k *KafkaServer) ping() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addr), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	answers, err := kadm.NewClient(client).FetchOffsets(ctx, "ready")
	return errors.Join(err, answers.Error())
}

// Kill ends the broker with SIGKILL. It is shared by the whole test binary:
// Restart it before the test ends, and run no such test in parallel.
func (k *KafkaServer) Kill() { k.server.kill() }

// Restart starts a killed broker again with the same port and data.
func (k *KafkaServer) Restart(tb testing.TB) {
	tb.Helper()
	if err := k.server.start(); err != nil {
		tb.Fatal(err)
	}
}

// Freeze stops the broker without closing its connections; Thaw lets it go on.
func (k *KafkaServer) Freeze(tb testing.TB) { sendSignal(tb, k.server, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (k *KafkaServer) Thaw(tb testing.TB) { sendSignal(tb, k.server, syscall.SIGCONT) }
