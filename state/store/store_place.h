#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// Where a checkpoint store's objects are: a directory or an S3 prefix. Objects have names of one folder and one part
/// ("log/00000000000000000001"). Thread-safe; calls block.
class store_place {
 public:
  virtual ~store_place() = default;

  /// Names without the folder, sorted.
  virtual result<std::vector<std::string>> list(const std::string& folder) = 0;
  virtual result<bool> exists(const std::string& name) = 0;
  /// `not_found` where it is absent.
  virtual result<std::string> read(const std::string& name, uint64_t limit_bytes) = 0;
  /// Writes an object durably: all of it or nothing.
  virtual result<void> write(const std::string& name, std::string_view bytes) = 0;
  /// Creates an object of few bytes where there is none; durable after settle(). `already_exists` where there is one,
  /// be it from an earlier try of this very call. `nonce` tells the writers of one name apart.
  virtual result<void> create(const std::string& name, const std::string& nonce, std::string_view bytes) = 0;
  /// Makes what was created and removed in a folder durable, in that order.
  virtual result<void> settle(const std::string& folder) = 0;
  /// An absent object is success.
  virtual result<void> remove(const std::string& name) = 0;

  /// Makes the first `file.bytes` bytes of a local file an object, durably.
  virtual result<void> add_file(const std::string& name, const std::string& local_path,
                                const proto::FileReference& file) = 0;
  /// A local path where an object can be read, now: it may go once limits::s3_cache_in_use others were asked for.
  virtual result<std::string> path_of(const std::string& name, const proto::FileReference& file) = 0;
  /// `corrupt` where the object has other bytes than it should.
  virtual result<void> verify(const std::string& name, const proto::FileReference& file) = 0;

  /// For messages: a path or a URL.
  virtual std::string describe(const std::string& name) const = 0;
};

}  // namespace systole
