#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "data/batch.h"

namespace systole::testing {

/// Fails the test where two batches differ in types, nulls, values or hidden columns; NaN equals NaN.
void expect_same_rows(const batch& actual, const batch& expected);

/// Four rows with every type and every hidden column: plain values, extremes, nulls only, long texts.
batch every_type();
/// Up to 200 rows of 1 to 6 columns of random types, with and without nulls and hidden columns.
batch random_batch(std::mt19937_64& random);

/// The reverse of hex().
std::string unhex(std::string_view digits);

}  // namespace systole::testing
