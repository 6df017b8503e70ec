#include "app/checkpoint_place.h"

#include <cstdlib>
#include <utility>

#include "actors/attempt.h"
#include "s3/location.h"
#include "state/store/s3_store.h"

namespace systole {
namespace {

constexpr const char* cache_folder = "/s3-cache";

result<s3_client_options> client_options(file_system& files, const std::string& url, const std::string& secret_directory) {
  const environment variables = [](const char* name) { return std::getenv(name); };
  SYSTOLE_ASSIGN(s3_location where, parse_s3_location(url, variables));
  s3_client_options options;
  options.credentials = s3_credentials_from(files, secret_directory, where.secret, variables);
  SYSTOLE_TRY(options.credentials());  // a missing key is told at once
  options.where = std::move(where);
  return options;
}

}  // namespace

void add_checkpoints_flag(CLI::App& verb, checkpoint_place& into) {
  verb.add_option("--checkpoints", into.url,
                  "Keep checkpoints in an S3 bucket: s3://BUCKET/PREFIX[?endpoint=URL&region=NAME&pathStyle=true&"
                  "secret=NAME&caFile=PATH]; keys from the secret (accessKeyId, secretAccessKey) or AWS_*");
}

void let_buckets_be_opened(job_components& components, const std::string& secret_directory, const std::string& cache) {
  components.open_store = [in_directory = components.open_store, secret_directory, cache](
                              file_system& files, const std::string& at,
                              const std::string& job) -> result<std::unique_ptr<checkpoint_store>> {
    if (!is_s3_url(at)) return in_directory(files, at, job);
    SYSTOLE_ASSIGN(s3_client_options options, client_options(files, at, secret_directory));
    return open_s3_store(std::move(options), files, cache + "/" + make_uuid(), job, false);
  };
}

result<void> use_checkpoint_place(const checkpoint_place& place, const std::string& state, job_components& components) {
  file_system& files = *components.files;
  const std::string directory = state + "/checkpoints";
  if (place.url.empty()) {
    SYSTOLE_ASSIGN(const bool elsewhere, files.exists(directory + cache_folder));
    if (!elsewhere) return {};
    return fail(error_code::invalid_argument,
                "the checkpoints of this state are in an S3 bucket: give --checkpoints as before: " + state);
  }
  SYSTOLE_ASSIGN(const bool in_directory, files.exists(directory + "/log"));
  if (in_directory)
    return fail(
        error_code::invalid_argument,
        "the checkpoints of this state are in its directory: leave out --checkpoints, or give another --state: " +
            state);
  SYSTOLE_ASSIGN(s3_client_options options, client_options(files, place.url, place.secret_directory));
  components.open_store = [options](file_system& local, const std::string& at, const std::string& job) {
    return open_s3_store(options, local, at + cache_folder, job);
  };
  return {};
}

}  // namespace systole
