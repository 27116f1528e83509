// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace floe::cli {
namespace {

struct OptionWord {
  std::string word;  // "--json", "-q"
  std::string help;
  bool takes_value = false;
};

// A command and what may follow it.
struct CommandWords {
  std::vector<std::string> path;  // {"key", "list"}; empty: floe itself
  std::string help;
  std::vector<std::pair<std::string, std::string>> commands;  // name, help
  std::vector<OptionWord> options;
};

std::vector<OptionWord> OptionsOf(const CLI::App& app) {
  std::vector<OptionWord> words;
  for (const CLI::Option* option : app.get_options()) {
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_snames()) {
      words.push_back({"-" + name, option->get_description(), takes_value});
    }
    for (const std::string& name : option->get_lnames()) {
      words.push_back({"--" + name, option->get_description(), takes_value});
    }
  }
  return words;
}

void Collect(const CLI::App& app, std::vector<std::string> path,
             const std::vector<OptionWord>& global, std::vector<CommandWords>& all) {
  CommandWords words;
  words.path = path;
  words.help = app.get_description();
  words.options = OptionsOf(app);
  for (const OptionWord& option : global) {
    if (!path.empty() && option.word != "--help" && option.word != "-h" &&
        option.word != "--version") {
      words.options.push_back(option);
    }
  }
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) {
    words.commands.emplace_back(command->get_name(), command->get_description());
  }
  all.push_back(words);
  for (const CLI::App* command : commands) {
    std::vector<std::string> inner = path;
    inner.push_back(command->get_name());
    Collect(*command, inner, global, all);
  }
}

std::string Words(const CommandWords& command) {
  std::vector<std::string> words;
  for (const auto& [name, help] : command.commands) words.push_back(name);
  for (const OptionWord& option : command.options) words.push_back(option.word);
  return absl::StrJoin(words, " ");
}

// Text within single quotes of a shell.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string Bash(const std::vector<CommandWords>& all) {
  std::string script =
      "# bash completion of floe\n"
      "_floe() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} path= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$path ${COMP_WORDS[i]}\" in\n";
  for (const CommandWords& command : all) {
    if (command.path.empty()) continue;
    absl::StrAppend(&script, "      ' ", absl::StrJoin(command.path, " "),
                    "') path=\"$path ${COMP_WORDS[i]}\" ;;\n");
  }
  script += "    esac\n  done\n  local words=\n  case \"$path\" in\n";
  for (const CommandWords& command : all) {
    const std::string path =
        command.path.empty() ? "" : absl::StrCat(" ", absl::StrJoin(command.path, " "));
    absl::StrAppend(&script, "    '", path, "') words=", Quoted(Words(command)), " ;;\n");
  }
  script +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -o default -F _floe floe\n";
  return script;
}

// The zsh script uses the words of bash's with their explanations.
std::string Zsh(const std::vector<CommandWords>& all) {
  std::string script =
      "#compdef floe\n"
      "_floe() {\n"
      "  local path= i\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$path ${words[i]}\" in\n";
  for (const CommandWords& command : all) {
    if (command.path.empty()) continue;
    absl::StrAppend(&script, "      ' ", absl::StrJoin(command.path, " "),
                    "') path=\"$path ${words[i]}\" ;;\n");
  }
  script += "    esac\n  done\n  local -a choices\n  case \"$path\" in\n";
  for (const CommandWords& command : all) {
    const std::string path =
        command.path.empty() ? "" : absl::StrCat(" ", absl::StrJoin(command.path, " "));
    std::vector<std::string> choices;
    for (const auto& [name, help] : command.commands) {
      choices.push_back(Quoted(absl::StrCat(name, ":", help)));
    }
    for (const OptionWord& option : command.options) {
      choices.push_back(Quoted(absl::StrCat(option.word, ":", option.help)));
    }
    absl::StrAppend(&script, "    '", path, "') choices=(", absl::StrJoin(choices, " "), ") ;;\n");
  }
  script +=
      "  esac\n"
      "  _describe floe choices\n"
      "  _files\n"
      "}\n"
      "compdef _floe floe\n";
  return script;
}

// "__fish_seen_subcommand_from key; and __fish_seen_subcommand_from list".
std::string FishCondition(const CommandWords& command) {
  if (command.path.empty()) return "__fish_use_subcommand";
  std::vector<std::string> parts;
  for (const std::string& name : command.path) {
    parts.push_back(absl::StrCat("__fish_seen_subcommand_from ", name));
  }
  return absl::StrJoin(parts, "; and ");
}

std::string Fish(const std::vector<CommandWords>& all) {
  std::string script = "# fish completion of floe\n";
  for (const CommandWords& command : all) {
    const std::string condition = Quoted(FishCondition(command));
    for (const auto& [name, help] : command.commands) {
      absl::StrAppend(&script, "complete -c floe -n ", condition, " -a ", name, " -d ",
                      Quoted(help), "\n");
    }
    for (const OptionWord& option : command.options) {
      const bool is_long = option.word.rfind("--", 0) == 0;
      absl::StrAppend(&script, "complete -c floe -n ", condition, is_long ? " -l " : " -s ",
                      option.word.substr(is_long ? 2 : 1), option.takes_value ? " -r" : "", " -d ",
                      Quoted(option.help), "\n");
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  std::vector<CommandWords> all;
  Collect(app, {}, OptionsOf(app), all);
  if (shell == "bash") return Bash(all);
  if (shell == "zsh") return Zsh(all);
  return Fish(all);
}

}  // namespace floe::cli
