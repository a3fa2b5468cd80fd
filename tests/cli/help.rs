//! The help of every command, as `tests/golden/help.snap` has it.

use test_support::assert_golden;

use crate::*;

#[test]
fn the_help_of_every_command_is_as_recorded() {
    let folder = Folder::new();
    let mut all = String::new();
    append_help(&folder, &[], &mut all);
    assert_golden("help", &all);
}

/// Appends the help of a command, and of the commands below it.
fn append_help(folder: &Folder, command: &[&str], all: &mut String) {
    let lines = folder.lines(&[command, &["--help"]].concat());
    let title = [&["contact-lists"], command, &["--help"]]
        .concat()
        .join(" ");
    let help: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    *all += &format!("$ {title}\n\n{}\n\n\n", help.join("\n"));
    let commands = lines.iter().skip_while(|line| *line != "Commands:").skip(1);
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().expect("a command's name");
        if name != "help" {
            append_help(folder, &[command, &[name]].concat(), all);
        }
    }
}
