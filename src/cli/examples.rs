//! What stands below the help of each command: examples, one to a line, and what else is to be said.
//!
//! Texts that a command brings itself stay; they are laid out for the width of the screen, and not as they stand in the
//! source.

use clap::Command;

/// Examples by command, for those that bring none.
const EXAMPLES: &[(&str, &str)] = &[
    ("ls", "  bough ls /docs\n  bough ls /docs --long --at '2h ago'"),
    ("cat", "  bough cat /docs/plan\n  bough cat /docs/plan title --at '2 days ago'"),
    ("find", "  bough find /docs --name '*.html'\n  bough find --type page --with title=News"),
    ("du", "  bough du /docs\n  bough du --summarize"),
    (
        "add",
        "  bough add /news --type page --set title=News news.html\n  bough add /news/latest --type link --set target=/news/autumn",
    ),
    ("put", "  bough put /docs/logo.png logo.png\n  bough put /docs/notes.txt < notes.txt"),
    ("mkdir", "  bough mkdir /docs\n  bough mkdir --parents /docs/old/2025"),
    ("cp", "  bough cp /docs/plan /docs/plan-b\n  bough cp /docs/plan /archive"),
    ("mv", "  bough mv /docs/plan /docs/roadmap\n  bough mv /docs/plan /archive"),
    ("rm", "  bough rm /docs/old\n  bough rm /docs/a /docs/b --version redesign"),
    ("log", "  bough log\n  bough log /docs/plan --limit 5"),
    ("show", "  bough show t660db84039ed9"),
    ("blame", "  bough blame /docs/plan\n  bough blame /docs/plan --at '2 days ago'"),
    ("diff", "  bough diff t660db84039ed9 t660db8a1b2c3d"),
    (
        "undo",
        "  bough undo t660db84039ed9 --preview\n  bough undo t660db84039ed9\n  bough undo t660db84039ed9 --skip /docs/plan:title",
    ),
    (
        "restore",
        "  bough restore /docs/plan --at '2h ago'\n  bough restore /docs/plan --at t660db84039ed9 --to /docs/old-plan",
    ),
    ("acquire", "  bough acquire /docs/plan title\n  bough acquire /docs/plan logo --at '2 days ago'"),
    ("status", "  bough status\n  bough status --json"),
    ("check", "  bough check"),
    ("migrate", "  bough migrate --preview\n  bough migrate /docs --type page"),
    ("audit", "  bough audit\n  bough audit ann --limit 20"),
    ("export", "  bough export /docs ~/docs\n  bough export /docs ~/docs-then --at '2 days ago'"),
    ("pack", "  bough pack --before '90d ago' --dry-run\n  bough pack --before '90d ago'"),
    ("backup", "  bough backup /backups/site"),
    ("restore-backup", "  bough restore-backup /backups/site ./bough-data"),
    (
        "serve",
        "  bough serve\n  bough serve --listen 0.0.0.0:8080 --access-log access.log\n  bough serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem",
    ),
    ("user list", "  bough user list\n  bough user list --all"),
    ("user show", "  bough user show ann\n  bough user show /docs/_users/ben"),
    ("user roles", "  bough user roles ann --add Editor\n  bough user roles ann --remove Manager"),
    ("user disable", "  bough user disable ann"),
    ("user enable", "  bough user enable ann"),
    ("user sessions", "  bough user sessions ann\n  bough user sessions ann --end-all"),
    ("user tokens", "  bough user tokens ann\n  bough user tokens ann --revoke 1f2e3d4c"),
    ("user rm", "  bough user rm ann"),
    ("group add", "  bough group add authors --role Editor --title 'Who write the news'"),
    ("group list", "  bough group list\n  bough group list --in /docs"),
    ("group members", "  bough group members authors\n  bough group members authors --add ann --remove ben"),
    ("group roles", "  bough group roles authors --add Editor"),
    ("group rm", "  bough group rm authors"),
    ("permission show", "  bough permission show /docs\n  bough permission show /docs View"),
    ("permission clear", "  bough permission clear /docs/staff View"),
    ("permission list", "  bough permission list"),
    ("role grant", "  bough role grant /docs ann Editor\n  bough role grant /docs authors Editor Reviewer"),
    ("role revoke", "  bough role revoke /docs ann Editor"),
    ("role list", "  bough role list /docs"),
    ("mail list", "  bough mail list /mail\n  bough mail list /mail --version draft"),
    ("mail send", "  bough mail send /mail/2026-11-22-1"),
    ("task list", "  bough task list\n  bough task list --json"),
    ("task run", "  bough task run /tonight"),
    ("task history", "  bough task history /tonight"),
    (
        "version create",
        "  bough version create redesign --title 'New look'\n  bough version create autumn --from redesign --owner ann",
    ),
    ("version list", "  bough version list\n  bough version list --all"),
    (
        "version show",
        "  bough version show redesign\n  bough version show redesign~3   one of several of that name",
    ),
    (
        "version diff",
        "  bough version diff redesign\n  bough version diff redesign --with trunk\n  bough version diff redesign@t660db84039ed9 --with autumn",
    ),
    ("version update", "  bough version update redesign --preview\n  bough version update redesign"),
    ("version conflicts", "  bough version conflicts redesign"),
    (
        "version resolve",
        "  bough version resolve redesign 1f2e3d4c --version\n  bough version resolve redesign 1f2e3d4c --value 'Both titles'\n  bough version resolve redesign --all --kind name --rename",
    ),
    (
        "version merge",
        "  bough version merge redesign --preview\n  bough version merge redesign --only /docs/plan /news:title\n  bough version merge redesign --close",
    ),
    ("version pages", "  bough version pages redesign\n  bough version pages redesign --only /docs"),
    (
        "version discard",
        "  bough version discard redesign --preview\n  bough version discard redesign --only /docs/plan --yes",
    ),
    (
        "version rename",
        "  bough version rename redesign spring\n  bough version rename redesign --title 'Look of the spring'",
    ),
    ("version transfer", "  bough version transfer redesign ann"),
    ("version close", "  bough version close redesign"),
    ("version reopen", "  bough version reopen redesign\n  bough version reopen redesign~3"),
    ("version detach", "  bough version detach redesign"),
    (
        "version link",
        "  bough version link redesign --expires 2d --label 'For the board'\n  bough version link redesign --path /docs",
    ),
    ("version links", "  bough version links redesign"),
    ("version unlink", "  bough version unlink redesign 1f2e3d4c"),
];

/// What an example begins with.
const EXAMPLE: &str = "  bough ";

/// The same command line with its examples.
pub(super) fn with_examples(command: Command) -> Command {
    below(command, "")
}

fn below(command: Command, path: &str) -> Command {
    let own = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_own = own.lines().any(|line| line.starts_with(EXAMPLE.trim_end()) || line.starts_with("bough "));
    let found = EXAMPLES.iter().find(|(of, _)| *of == path && !has_own).map(|(_, examples)| *examples);
    let text = match (found, own.is_empty()) {
        (Some(examples), true) => examples.to_owned(),
        (Some(examples), false) => format!("{examples}\n\n{own}"),
        (None, _) => own,
    };
    let text = laid_out(&text);
    let command = if text.is_empty() { command } else { command.after_help(text) };
    command.mut_subcommands(|command| {
        let name = command.get_name();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
        below(command, &path)
    })
}

/// A text whose paragraphs are one line each, which is broken where it is shown. Indented lines stay as they are; where
/// such a line comes first, a heading keeps it from losing its indent.
fn laid_out(text: &str) -> String {
    let mut laid = String::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if is_prose && is_open {
            laid.push(' ');
        } else if !laid.is_empty() {
            laid.push('\n');
        }
        laid.push_str(line);
        is_open = is_prose;
    }
    if laid.starts_with(' ') { format!("Examples:\n{laid}") } else { laid }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// Widest line that is shown unbroken where nothing tells how wide the screen is.
    const WIDTH: usize = 100;

    /// The words of a command line as a shell has them; a comment behind two spaces is none of it.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, false);
        let mut before = ' ';
        for char in line.trim_start().chars() {
            match char {
                '\'' => {
                    quote = !quote;
                    word.get_or_insert_default();
                }
                ' ' if !quote && before == ' ' => break,
                ' ' if !quote => words.extend(word.take()),
                char => word.get_or_insert_default().push(char),
            }
            before = char;
        }
        words.extend(word);
        // What a shell does with files is not for the command.
        words.split(|word| word == "<").next().unwrap_or_default().to_vec()
    }

    /// The path of the command that a line is of.
    fn parsed(line: &str) -> String {
        let words = words(line);
        let matches = Cli::command().try_get_matches_from(&words);
        let matches = matches.unwrap_or_else(|error| panic!("`{line}` cannot be read: {error}"));
        let (mut path, mut at) = (Vec::new(), &matches);
        while let Some((name, below)) = at.subcommand() {
            path.push(name);
            at = below;
        }
        path.join(" ")
    }

    fn each(command: &Command, path: &str, visit: &mut dyn FnMut(&Command, &str)) {
        visit(command, path);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let name = below.get_name();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
            each(below, &path, visit);
        }
    }

    #[test]
    fn the_help_of_each_command_has_an_example_of_it_that_can_be_typed() {
        let mut left: Vec<&str> = EXAMPLES.iter().map(|(of, _)| *of).collect();
        each(&with_examples(Cli::command()), "", &mut |command, path| {
            left.retain(|of| *of != path);
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter(|line| line.starts_with(EXAMPLE)).collect();
            let of: Vec<String> = examples.iter().map(|line| parsed(line)).collect();
            assert!(of.iter().any(|of| of.starts_with(path)), "`{path}` has no example of it: {of:?}");
            let is_cut = help.lines().find(|line| line.starts_with(' ') && line.chars().count() > WIDTH);
            assert_eq!(is_cut, None, "{path}");
        });
        assert!(left.is_empty(), "there are no such commands: {left:?}");
    }

    #[test]
    fn help_is_broken_where_the_screen_ends_and_nowhere_else() {
        each(&with_examples(Cli::command()), "", &mut |command, path| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.starts_with(' '), "the first example of `{path}` loses its indent");
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                let is_heading = pair[0].ends_with(':');
                assert!(!(is_prose(pair[0]) && is_prose(pair[1])) || is_heading, "{path}: {pair:?}");
            }
        });
    }
}
