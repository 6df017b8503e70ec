#include "tests/kafka/kafka_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/free_port.h"

namespace systole {
namespace {

namespace fs = std::filesystem;

/// Addresses on free ports, each another.
std::vector<std::string> free_addresses(size_t count) {
  std::set<std::string> made;
  while (made.size() < count) made.insert("127.0.0.1:" + std::to_string(testing::free_port()));
  return {made.begin(), made.end()};
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

kafka_broker::kafka_broker(const kafka_broker_settings& settings) : jars_(SYSTOLE_KAFKA_FOLDER) {
  const std::string prepare = std::string(SYSTOLE_SOURCE_DIR) + "/tools/kafka_jars.sh '" + jars_ + "'";
  if (std::system(prepare.c_str()) != 0) throw std::runtime_error("tools/kafka_jars.sh failed: no broker to test with");
  std::string pattern = (fs::temp_directory_path() / "systole-kafka-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  const std::vector<std::string> addresses = free_addresses(2 + settings.listeners.size());
  servers_ = addresses[0];
  controller_ = settings.first ? settings.first->controller_ : addresses[1];
  size_t next = 2;
  for (const auto& [name, protocol] : settings.listeners) listeners_[name] = addresses[next++];
  std::ofstream(directory_ + "/server.properties") << properties_text(settings);
  format(settings);
  start();
}

std::string kafka_broker::properties_text(const kafka_broker_settings& settings) const {
  std::string listeners = "PLAINTEXT://" + servers_, protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
  for (const auto& [name, protocol] : settings.listeners) {
    listeners += "," + name + "://" + listeners_.at(name);
    protocols += "," + name + ":" + protocol;
  }
  // A registration expires after a second, so that a restart takes 3 s and not 12; aborted transactions are cleaned up
  // each second.
  std::map<std::string, std::string> all{
      {"process.roles", settings.first ? "broker" : "broker,controller"},
      {"node.id", settings.first ? "2" : "1"},
      {"controller.quorum.voters", "1@" + controller_},
      {"listeners", settings.first ? listeners : listeners + ",CONTROLLER://" + controller_},
      {"advertised.listeners", listeners},
      {"controller.listener.names", "CONTROLLER"},
      {"listener.security.protocol.map", protocols},
      {"inter.broker.listener.name", "PLAINTEXT"},
      {"log.dirs", directory_ + "/data"},
      {"auto.create.topics.enable", "false"},
      {"default.replication.factor", "1"},
      {"offsets.topic.replication.factor", "1"},
      {"offsets.topic.num.partitions", "1"},
      {"transaction.state.log.replication.factor", "1"},
      {"transaction.state.log.min.isr", "1"},
      {"transaction.state.log.num.partitions", "4"},
      {"share.coordinator.state.topic.replication.factor", "1"},
      {"share.coordinator.state.topic.min.isr", "1"},
      {"group.initial.rebalance.delay.ms", "0"},
      {"group.min.session.timeout.ms", "1000"},
      {"broker.session.timeout.ms", "1000"},
      {"broker.heartbeat.interval.ms", "200"},
      {"transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"},
      {"controlled.shutdown.enable", "false"},
      {"num.network.threads", "2"},
      {"num.io.threads", "2"},
      {"log.cleaner.dedupe.buffer.size", "4194304"},
      {"log.cleaner.backoff.ms", "1000"},
      {"log.segment.bytes", "268435456"},
  };
  for (const auto& [key, value] : settings.properties) all[key] = value;
  std::string text;
  for (const auto& [key, value] : all) text += key + "=" + value + "\n";
  return text;
}

void kafka_broker::format(const kafka_broker_settings& settings) {
  if (!settings.users.empty()) {
    std::string command = "java -Xmx128m -XX:TieredStopAtLevel=1 -cp '" + jars_ +
                          "/lib/*' kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg -c '" + directory_ +
                          "/server.properties'";
    for (const std::string& each : settings.users) command += " --add-scram '" + each + "'";
    if (std::system((command + " >'" + directory_ + "/format.log' 2>&1").c_str()) != 0)
      throw std::runtime_error("the broker's folder could not be made:\n" + text_of(directory_ + "/format.log"));
    return;
  }
  fs::copy(jars_ + "/template", directory_ + "/data", fs::copy_options::recursive);
  if (!settings.first) return;
  // Its own number and its own name for the folder: 16 bytes in base64.
  std::ofstream(directory_ + "/data/meta.properties")
      << "version=1\nnode.id=2\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=c2Vjb25kLWZvbGRlci0tMg\n";
}

kafka_broker::~kafka_broker() {
  end_process(SIGKILL);
  std::error_code ignored;  // a leftover temporary folder harms nobody
  fs::remove_all(directory_, ignored);
}

kafka_broker& kafka_broker::shared() {
  static kafka_broker made;
  return made;
}

void kafka_broker::start() {
  const std::string log = directory_ + "/broker.log";
  std::ofstream(log, std::ios::trunc).close();
  const std::string archive = "-XX:SharedArchiveFile=" + jars_ + "/k4.jsa", libraries = jars_ + "/lib/*";
  const std::string properties = directory_ + "/server.properties";
  std::vector<const char*> words{"java", "-Xmx512m", "-Xms128m", "-XX:+UseSerialGC"};
  // The server compiler starts slower and serves faster: for benchmarks.
  if (!std::getenv("SYSTOLE_KAFKA_FULL_COMPILER")) {
    words.push_back("-XX:TieredStopAtLevel=1");
    words.push_back(archive.c_str());
    words.push_back("-Xshare:auto");
  }
  for (const char* each : {"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                           "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp", libraries.c_str(),
                           "kafka.Kafka", properties.c_str()})
    words.push_back(each);
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no broker behind
    const int out = ::open(log.c_str(), O_WRONLY | O_APPEND);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp("java", const_cast<char* const*>(words.data()));
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (text_of(log).find("Kafka Server started") == std::string::npos) {
    int status = 0;
    const bool died = ::waitpid(pid_, &status, WNOHANG) == pid_;
    if (died) pid_ = 0;
    if (died || std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the broker did not start:\n" + text_of(log));
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // its log is the only sign of being ready
  }
}

void kafka_broker::end_process(int signal) {
  if (pid_ <= 0) return;
  ::kill(-pid_, signal);
  ::kill(-pid_, SIGCONT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void kafka_broker::kill_9() { end_process(SIGKILL); }
void kafka_broker::restart() {
  kill_9();
  start();
}
void kafka_broker::freeze() {
  ::kill(-pid_, SIGSTOP);
  // Its threads stop one after another; on a busy machine one of them still answers a question meanwhile.
  siginfo_t stopped{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}
void kafka_broker::thaw() { ::kill(-pid_, SIGCONT); }

}  // namespace systole
