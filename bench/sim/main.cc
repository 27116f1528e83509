// SPDX-License-Identifier: Apache-2.0
// floe-sim: the read path of a fleet in simulated time. doc/simulator.md
#include <cstdlib>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "bench/sim/experiments.h"

namespace floe::sim {
namespace {

std::string Help() {
  std::string text =
      "usage: floe-sim EXPERIMENT|all [--seed N] [--nodes N] [--scale X] [--json]\n\n"
      "The product's own read path over a simulated network and clock (doc/simulator.md).\n"
      "  --seed N   another run of the same model (default 1); the same seed gives the same "
      "output\n"
      "  --nodes N  nodes (default: the experiment's own number)\n"
      "  --scale X  a longer or shorter run (default 1)\n"
      "  --json     one JSON object an experiment instead of tables\n\n";
  for (const Experiment& experiment : Experiments()) {
    absl::StrAppend(&text, "  ", experiment.name, std::string(15 - experiment.name.size(), ' '),
                    experiment.purpose, "\n");
  }
  return text;
}

struct Arguments {
  std::string experiment;
  RunOptions run;
  bool json = false;
};

absl::Status Take(const std::string& name, const std::string& value, Arguments& arguments) {
  bool ok = false;
  if (name == "--seed") ok = absl::SimpleAtoi(value, &arguments.run.seed);
  if (name == "--nodes") ok = absl::SimpleAtoi(value, &arguments.run.nodes);
  if (name == "--scale")
    ok = absl::SimpleAtod(value, &arguments.run.scale) && arguments.run.scale > 0;
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " ", value, ": not an option or not a number; see --help"));
}

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--json") {
      arguments.json = true;
    } else if (words[i].rfind("--", 0) == 0) {
      FLOE_RETURN_IF_ERROR(Take(words[i], i + 1 < words.size() ? words[i + 1] : "", arguments));
      ++i;
    } else if (arguments.experiment.empty()) {
      arguments.experiment = words[i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat(words[i], ": one experiment, please"));
    }
  }
  if (arguments.experiment.empty()) {
    return absl::InvalidArgumentError("which experiment? See --help");
  }
  return arguments;
}

int Main(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help") {
    std::cout << Help();
    return words.empty() ? 2 : 0;
  }
  const auto arguments = Parse(words);
  if (!arguments.ok()) {
    std::cerr << "floe-sim: " << arguments.status().message() << "\n";
    return 2;
  }
  SetLogLevel(LogLevel::kError);  // each of a thousand nodes would tell of each slow server
  bool found = false;
  for (const Experiment& experiment : Experiments()) {
    if (arguments->experiment != "all" && arguments->experiment != experiment.name) continue;
    found = true;
    const Report report = experiment.run(arguments->run);
    std::cout << (arguments->json ? report.Json() : report.Text()) << std::flush;
  }
  if (!found) {
    std::cerr << "floe-sim: " << arguments->experiment << ": no such experiment; see --help\n";
  }
  return found ? 0 : 2;
}

}  // namespace
}  // namespace floe::sim

int main(int argc, char** argv) { return floe::sim::Main({argv + 1, argv + argc}); }
