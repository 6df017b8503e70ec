// A real S3 service for tests in other languages: prints its port, then answers each line "list PREFIX" with the names below
// the prefix in one line, until its input ends. With TLS: s3_service_run KEYSTORE AUTHORITY (s3_service_tls).
#include <iostream>
#include <string>

#include "tests/s3/s3_service.h"

int main(int count, char** words) {
  using systole::testing::s3_service;
  const s3_service service(count == 3 ? systole::testing::s3_service_tls{words[1], words[2]}
                                      : systole::testing::s3_service_tls{});
  systole::s3_client bucket(service.options(""));
  std::cout << service.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto names = bucket.list(line.substr(line.find(' ') + 1));
    if (!names) {
      std::cerr << names.error().message << "\n";
      return 1;
    }
    for (const std::string& each : *names) std::cout << each << " ";
    std::cout << std::endl;
  }
}
