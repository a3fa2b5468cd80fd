//! Compiles `proto/` without a system `protoc`, and writes the descriptor set that reflection serves.

use std::{env, error::Error, fs, path::Path, path::PathBuf};

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

    // The compiler itself encodes the set: a decoded one would lose the `buf.validate` options that reflection shows.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut descriptors = compiler.file_descriptor_set();
    descriptors
        .file
        .retain(|file| !["buf.validate", "google.api"].contains(&file.package()));
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .build_server(false)
        // Who connects brings a transport.
        .build_transport(false)
        .include_file("proto.rs")
        .compile_fds_with_config(descriptors.clone(), config)?;
    compile_servers(descriptors, &out)
}

/// Compiles the traits that the server implements: over the same messages, but through a codec that bounds what a message can
/// become in memory, and with a type of the server's own for the messages of streams that bring contacts.
fn compile_servers(
    descriptors: prost_types::FileDescriptorSet,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let servers = out.join("servers");
    fs::create_dir_all(&servers)?;
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(servers)
        .codec_path("crate::rpc::codec::CountingCodec")
        .extern_path(".contactlists.v1", "crate::proto")
        .extern_path(
            ".contactlists.v1.UpdateContactListContactsRequest",
            "crate::rpc::stream_message::StreamMessage",
        )
        .extern_path(
            ".contactlists.v1.OptOutContactsRequest",
            "crate::rpc::stream_message::StreamMessage",
        )
        .extern_path(".google.type", "crate::generated::google::r#type")
        .compile_fds(descriptors)?;
    Ok(())
}
