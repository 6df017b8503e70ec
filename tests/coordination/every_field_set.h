#pragma once

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

namespace systole::testing {

/// No field of the wire form is absent: one that encode() leaves out shows.
inline void expect_all_set(const google::protobuf::Message& message) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const auto* field = message.GetDescriptor()->field(i);
    EXPECT_TRUE(field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field))
        << field->full_name();
  }
}

}  // namespace systole::testing
