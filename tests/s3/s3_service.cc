#include "tests/s3/s3_service.h"

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
#include <sstream>
#include <stdexcept>
#include <thread>

#include "http/client.h"
#include "s3/signature.h"
#include "tests/support/free_port.h"

namespace systole::testing {
namespace {

namespace fs = std::filesystem;

pid_t start_java(const std::string& jars, const std::string& settings, const std::string& log) {
  const std::string logging = "-Dlogback.configurationFile=" + jars + "/logback.xml", libraries = jars + "/lib/*";
  const char* words[] = {"java",
                         "-Xmx768m",
                         "-XX:+UseSerialGC",
                         "-XX:TieredStopAtLevel=1",
                         logging.c_str(),
                         "-cp",
                         libraries.c_str(),
                         "org.gaul.s3proxy.Main",
                         "--properties",
                         settings.c_str(),
                         nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid != 0) return pid;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no service behind
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvp("java", const_cast<char* const*>(words));
  ::_exit(127);
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// PUT of the bucket itself, which the client has no need for.
bool make_bucket(const s3_client_options& options) {
  const std::string time = s3_time(system_clock().now_us()), empty = sha256_hex({});
  const std::string& endpoint = options.where.endpoint;
  const std::string host = endpoint.substr(endpoint.find("//") + 2), path = std::string("/") + s3_service::bucket;
  const s3_signed_request to_sign{
      "PUT", path, {}, {{"host", host}, {"x-amz-content-sha256", empty}, {"x-amz-date", time}}, empty};
  http_client client({.url = endpoint, .certificate_authority = options.where.certificate_authority, .token = {}});
  const auto answer = client.call(
      {.method = "PUT",
       .target = path,
       .headers = {{"x-amz-content-sha256", empty},
                   {"x-amz-date", time},
                   {"authorization", s3_authorization(to_sign, *options.credentials(), options.where.region, time)}},
       .body = {}});
  return answer && answer->status == 200;
}

}  // namespace

s3_service::s3_service(s3_service_tls tls) : tls_(std::move(tls)), port_(free_port()) {
  const std::string jars = SYSTOLE_S3_FOLDER;
  const std::string prepare = std::string(SYSTOLE_SOURCE_DIR) + "/tools/s3_jars.sh '" + jars + "'";
  if (std::system(prepare.c_str()) != 0) throw std::runtime_error("tools/s3_jars.sh failed: no service to test with");
  std::string pattern = (fs::temp_directory_path() / "systole-s3-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  const std::string settings = directory_ + "/settings", log = directory_ + "/log";
  std::ofstream(settings) << (tls_.keystore.empty() ? "s3proxy.endpoint=" : "s3proxy.secure-endpoint=") << endpoint(port_)
                          << "\ns3proxy.keystore-path=" << tls_.keystore
                          << "\ns3proxy.keystore-password=" << s3_service_tls::keystore_password
                          << "\ns3proxy.authorization=aws-v4\n"
                          << "s3proxy.identity=" << access_key_id << "\ns3proxy.credential=" << secret_access_key
                          << "\ns3proxy.ignore-unknown-headers=true"  // a session's token: signed, and not looked at
                          << "\njclouds.provider=transient-nio2\njclouds.identity=none\njclouds.credential=none\n";
  pid_ = start_java(jars, settings, log);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!make_bucket(options({}))) {
    const bool died = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (died) pid_ = 0;
    if (died || std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the S3 service did not start:\n" + text_of(log));
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // an answer is the only sign of being ready
  }
}

s3_service::~s3_service() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;  // a leftover temporary folder harms nobody
  fs::remove_all(directory_, ignored);
}

s3_service& s3_service::shared() {
  static s3_service made;
  return made;
}

std::string s3_service::endpoint(uint16_t port) const {
  return (tls_.keystore.empty() ? "http://127.0.0.1:" : "https://localhost:") + std::to_string(port);
}

s3_client_options s3_service::options(const std::string& prefix, uint16_t port) const {
  s3_client_options made;
  made.where = {.bucket = bucket,
                .prefix = prefix,
                .endpoint = endpoint(port == 0 ? port_ : port),
                .region = "us-east-1",
                .path_style = true,
                .secret = {},
                .certificate_authority = tls_.certificate_authority};
  made.credentials = [] { return s3_credentials{access_key_id, secret_access_key, {}}; };
  made.first_delay = std::chrono::milliseconds(1);
  made.most_delay = std::chrono::milliseconds(20);
  return made;
}

}  // namespace systole::testing
