use std::{fs, path::Path};

fn try_seeds(target: fn(&[u8]), name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        target(&fs::read(seed.unwrap().path()).unwrap());
    }
}

#[test]
fn seeds_of_api_keys() {
    try_seeds(super::api_key, "api_key");
}

#[test]
fn seeds_of_json_objects() {
    try_seeds(super::json_objects, "json_objects");
}

#[test]
fn seeds_of_page_tokens() {
    try_seeds(super::page_token, "page_token");
}

#[test]
fn seeds_of_phone_numbers() {
    try_seeds(super::phone_number, "phone_number");
}

#[test]
fn seeds_of_update_messages() {
    try_seeds(super::update_message, "update_message");
}
