//! Compiles `proto/` without a system `protoc`, and writes the descriptor set that reflection serves.

use std::{env, error::Error, fs, path::PathBuf};

const SERVICES: [&str; 6] = [
    "contactlists/v1/channel_service.proto",
    "contactlists/v1/communication_preference_service.proto",
    "contactlists/v1/contact_list_service.proto",
    "contactlists/v1/contact_service.proto",
    "contactlists/v1/custom_object_service.proto",
    "contactlists/v1/error_reason.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(SERVICES)?;

    // Encoded by the compiler itself: a decoded set would lose the `buf.validate` options that reflection shows.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut descriptors = compiler.file_descriptor_set();
    descriptors
        .file
        .retain(|file| file.package() != "buf.validate");
    tonic_prost_build::configure()
        .include_file("proto.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
