#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace systole::testing {

/// Stands between a client and the server's socket and cuts the connection at a COMMIT: before it reaches the server, or
/// after the server's answer, which the client does not get. Each setting holds for one COMMIT. The client knows neither.
class cutting_proxy {
 public:
  /// `folder`: where its own socket lies; `server_folder`: the server's.
  cutting_proxy(std::string folder, std::string server_folder);
  ~cutting_proxy();
  enum class cut { nothing, before_commit, after_commit };
  /// Lets `commits` COMMITs pass first.
  void set(cut what, int commits = 0) {
    let_pass_ = commits;
    cut_ = what;
  }
  int cuts() const { return cuts_; }

 private:
  void serve();
  void carry(int client, int server);

  std::string folder_, server_folder_;
  int listening_ = -1;
  std::atomic<cut> cut_{cut::nothing};
  std::atomic<int> let_pass_{0}, cuts_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace systole::testing
