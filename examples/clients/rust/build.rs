//! Compiles `proto/` without a system `protoc`, and keeps the descriptors, by which contacts are read from JSON.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

const PROTO: &str = "../../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let files = protox::compile(["contactlists/v1/contact_list_service.proto"], [PROTO])?;
    let descriptors = Path::new(&env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(descriptors, files.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_server(false)
        .include_file("proto.rs")
        .compile_fds(files)?;
    Ok(())
}
