#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// The hospitals of the patient-flow simulator: departments with their beds, stays and misspellings, and what events
/// say.
namespace systole::patient_flow_tables {

struct department {
  std::string_view name;
  std::string_view code;  ///< in bed ids
  uint8_t beds;           ///< per hospital, at most 64
  uint8_t mean_stay_hours;
  uint8_t youngest, oldest;
  std::array<std::string_view, 5> spellings;  ///< [0] is right
  uint8_t spelling_count;
  std::array<std::string_view, 4> diagnoses;
};

inline constexpr std::array<department, 7> departments = {{
    {"Emergency",
     "EME",
     40,
     6,
     0,
     99,
     {"Emergency", "Emergancy", "Emergncy", "ER", "EMERGENCY"},
     5,
     {"R07.9-Chest Pain", "R55-Syncope", "T78.2-Anaphylaxis", "S72.0-Hip Fracture"}},
    {"Surgery",
     "SUR",
     30,
     48,
     18,
     95,
     {"Surgery", "Surgey", "Surgeyr", "SURGERY"},
     4,
     {"K35.8-Appendicitis", "K80.2-Gallstones", "K40.9-Hernia", "M17.1-Knee Replacement"}},
    {"ICU",
     "ICU",
     20,
     72,
     18,
     95,
     {"ICU", "icu", "I.C.U.", "IntensiveCare"},
     4,
     {"J96.0-Respiratory Failure", "R57.0-Cardiogenic Shock", "G93.1-Brain Injury", "A41.9-Sepsis"}},
    {"Pediatrics",
     "PED",
     25,
     36,
     0,
     17,
     {"Pediatrics", "Paediatrics", "Pedeatrics", "PEDS"},
     4,
     {"J06.9-Upper Respiratory Infection", "J45.2-Asthma Exacerbation", "A09-Gastroenteritis", "H66.9-Otitis Media"}},
    {"Maternity",
     "MAT",
     20,
     48,
     16,
     48,
     {"Maternity", "Maternty", "Maternitiy", "OB/GYN"},
     4,
     {"O80-Normal Delivery", "O82-C-Section Delivery", "O14.1-Preeclampsia", "O60.1-Preterm Labor"}},
    {"Oncology",
     "ONC",
     25,
     96,
     18,
     95,
     {"Oncology", "Oncolgy", "Oncologgy", "ONCO"},
     4,
     {"C50.9-Breast Cancer", "C34.9-Lung Cancer", "C18.9-Colon Cancer", "C61-Prostate Cancer"}},
    {"Cardiology",
     "CAR",
     25,
     60,
     25,
     95,
     {"Cardiology", "Cardiolgy", "Cardilogy", "CARDIO"},
     4,
     {"I25.1-Coronary Artery Disease", "I21.0-STEMI", "I50.9-Heart Failure", "I48.0-Atrial Fibrillation"}},
}};

inline constexpr std::array<std::string_view, 7> hospital_names = {
    "MHA Central Hospital", "MHA Lakeside Medical Center", "MHA Riverside General",
    "MHA Prairie Health",   "MHA Summit Medical",          "MHA Valley Care",
    "MHA Metro Hospital"};

inline constexpr std::array<std::string_view, 5> insurances = {"Private", "Medicare", "Medicaid", "Self-Pay",
                                                               "Employer-Sponsored"};

/// A word and how many of 100 have it.
struct share {
  std::string_view word;
  uint8_t percent;
};
inline constexpr std::array<share, 4> priorities = {
    {{"Emergency", 40}, {"Urgent", 25}, {"Scheduled", 25}, {"Transfer", 10}}};
inline constexpr std::array<share, 4> discharge_statuses = {
    {{"Discharged-Home", 70}, {"Discharged-Transfer", 15}, {"Discharged-AMA", 10}, {"Deceased", 5}}};

inline constexpr std::array<int16_t, 6> invalid_ages = {-5, -1, 0, 125, 150, 200};
inline constexpr std::array<int16_t, 4> invalid_hospitals = {-1, 0, 99, 999};

/// Fields that can be missing, as bits of patient_flow_generator::patient::missing.
enum missing_field : uint8_t {
  missing_gender = 1,
  missing_age = 2,
  missing_diagnosis = 4,
  missing_insurance = 8,
  missing_admission_time = 16,
};
inline constexpr int missing_fields = 5;

/// With `stays`: admissions per hour of the day in percent of the mean.
inline constexpr std::array<uint8_t, 24> admissions_by_hour = {
    40, 35, 30, 30, 35, 50, 75, 105, 140, 160, 165, 160, 150, 145, 140, 135, 130, 125, 120, 115, 110, 95, 65, 45};

}  // namespace systole::patient_flow_tables
