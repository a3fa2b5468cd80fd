//! The connection to the server, and what is said if there is none.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::*;

/// The command `lists`, which needs nothing but a connection.
async fn lists(desk: &Desk, flags: &[&str]) -> Ran {
    desk.run(&[&["lists"], flags].concat()).await
}

on_both! {
    async fn the_key_is_taken_from_a_flag_a_file_or_the_environment(desk: Desk) {
        desk.write("key", format!("{}\n", desk.key));
        lists(&desk, &[]).await.ends_with(0);
        for flags in [["--key", &desk.key], ["--key-file", "key"]] {
            let args = [&["lists"], &flags[..]].concat();
            let mut command = desk.command(&args);
            command.env_remove("CONTACT_LISTS_KEY");
            run(command).await.ends_with(0);
        }
        let mut command = desk.command(&["lists"]);
        command.env_remove("CONTACT_LISTS_KEY");
        run(command).await.refused_with("no API key: give --key, --key-file, or CONTACT_LISTS_KEY");
    }

    async fn a_wrong_key_is_refused(desk: Desk) {
        lists(&desk, &["--key", "cl_wrong"]).await.refused_with("the server refuses the API key");
    }

    async fn a_key_without_the_scope_is_refused(desk: Desk) {
        let key = desk.service.key(Scope::Read).await;
        lists(&desk, &["--key", &key]).await.ends_with(0);
        let ran = desk.import_text("contacts.csv", &table([1]), &["--key", &key]).await;
        ran.refused_with("SCOPE_INSUFFICIENT");
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn a_server_that_is_not_there_is_said_to_be_missing(desk: Desk) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = format!("http://{free}");
        lists(&desk, &["--server", &server]).await.refused_with(&format!("no server listens at {server}"));
        lists(&desk, &["--server", "localhost"]).await.refused_with("give http://HOST:PORT or https://HOST:PORT");
    }

    async fn tls_is_spoken_with_the_authority_and_the_certificate_that_are_given(database: Database) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        write_certificates(folder.path());
        let [ca, certificate, key] = [path("ca.pem"), path("cert.pem"), path("key.pem")];
        let flags = ["--tls-certificate", &certificate, "--tls-key", &key, "--tls-client-ca", &ca];
        let service = Service::start_with(database, &flags).await;
        let tls = format!("https://localhost:{}", service.address().port());
        let plain = format!("http://{}", service.address());
        let api_key = service.key(Scope::Read).await;
        let lists = async |server: &str, flags: &[&str]| {
            let args = [&["lists"], flags].concat();
            run(program(folder.path(), server, &api_key, &args)).await
        };
        let whole = ["--ca", &ca, "--client-certificate", &certificate, "--client-key", &key];
        lists(&tls, &whole).await.ends_with(0);
        run(program(folder.path(), &tls, "", &[&["health"], &whole[..]].concat())).await.ends_with(0);
        lists(&tls, &whole[..2]).await.refused_with("give --client-certificate and --client-key");
        lists(&tls, &[]).await.refused_with("not signed by a known authority: name it with --ca");
        lists(&plain, &[]).await.refused_with("if it has TLS, give --server with https://");
    }

    async fn a_server_without_tls_is_not_called_with_it(desk: Desk) {
        let server = desk.server.replace("http://", "https://");
        lists(&desk, &["--server", &server]).await.refused_with("has no TLS: give --server with http://");
    }
}

/// Writes an authority, and a certificate of its own for localhost that serves both sides.
fn write_certificates(folder: &Path) {
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"));
    let authority = authority.expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let certificate = certificate
        .signed_by(&key, &authority)
        .expect("a certificate");
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a written file");
    }
}
