//! `contact-lists descriptor`.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::FileDescriptorSet;

use crate::*;

#[test]
fn the_descriptor_set_has_every_file_once_and_after_those_that_it_imports() {
    let output = Folder::new().program(&["descriptor"]).output().unwrap();
    let set = FileDescriptorSet::decode(&output.stdout[..]).expect("a descriptor set");
    let mut names = BTreeSet::new();
    let mut messages = BTreeSet::new();
    for file in &set.file {
        for import in &file.dependency {
            assert!(
                names.contains(import.as_str()),
                "{import} of {}",
                file.name()
            );
        }
        assert!(names.insert(file.name()), "{} is there twice", file.name());
        let package = file.package();
        let types = file.message_type.iter();
        messages.extend(types.map(|it| format!("{package}.{}", it.name())));
    }
    for name in ["contactlists.v1.Contact", "google.rpc.ErrorInfo"] {
        assert!(messages.contains(name), "{name}");
    }
    // `string.max_len = 255`: an option, which a set that was decoded and encoded again lacks.
    let rules = b"\x72\x03\x18\xff\x01";
    assert!(output.stdout.windows(rules.len()).any(|it| it == rules));
}
