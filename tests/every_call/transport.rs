//! The transport of calls: compressed or not, over TLS or in plain text.

use std::{fs::File, net::SocketAddr, path::Path, process::Stdio};

use contact_lists::proto::{
    ListChannelsRequest, channel_service_client::ChannelServiceClient,
    contact_list_service_client::ContactListServiceClient,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::{
    Request,
    codec::CompressionEncoding,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use test_support::*;

/// A certificate authority with a server's and a client's certificate, as files.
struct Certificates {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let made = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            authority: CertifiedIssuer::self_signed(params, key).expect("an authority"),
        };
        let (certificate, key) = made.issue();
        made.write("server.pem", &certificate);
        made.write("server.key", &key);
        made.write("authority.pem", &made.authority.pem());
        made
    }

    /// A certificate for "localhost", and its key.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params
            .signed_by(&key, &self.authority)
            .expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a written file");
    }

    /// Replaces a file by that of others, at once.
    fn take(&self, name: &str, others: &Self) {
        let copy = self.path("copy");
        std::fs::copy(others.path(name), &copy).expect("a copied file");
        std::fs::rename(copy, self.path(name)).expect("a renamed file");
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.folder.path();
        path.join(name).display().to_string()
    }

    /// Starts the service with TLS, and with mutual TLS where asked for.
    async fn serve(&self, database: Database, mutual: bool) -> Service {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        let authority = self.path("authority.pem");
        let mut args = vec!["--tls-certificate", &certificate, "--tls-key", &key];
        if mutual {
            args.extend(["--tls-client-ca", &authority]);
        }
        Service::start_with(database, &args).await
    }

    /// What a client needs to trust the server.
    fn trust(&self) -> ClientTlsConfig {
        let authority = Certificate::from_pem(self.authority.pem());
        ClientTlsConfig::new()
            .ca_certificate(authority)
            .domain_name("localhost")
    }
}

/// Makes a call over TLS. An error of any kind is an error here.
async fn call_over(service: &Service, tls: ClientTlsConfig) -> Result<(), String> {
    let channel = connect_over(service.address(), tls).await?;
    let key = service.key(Scope::Read).await;
    let mut request = Request::new(ListChannelsRequest::default());
    request.metadata_mut().insert(
        "authorization",
        format!("Bearer {key}").parse().expect("a value"),
    );
    let answer = ChannelServiceClient::new(channel)
        .list_channels(request)
        .await;
    answer.map(|_| ()).map_err(|error| format!("{error:?}"))
}

async fn connect_over(address: SocketAddr, tls: ClientTlsConfig) -> Result<Channel, String> {
    let endpoint = Endpoint::from_shared(format!("https://{address}"))
        .expect("an address")
        .tls_config(tls)
        .expect("a configuration");
    let connected = endpoint.connect().await;
    connected.map_err(|error| format!("{error:?}"))
}

async fn connect(service: &Service) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
    endpoint
        .expect("an address")
        .connect()
        .await
        .expect("a connection")
}

async fn authorized<T>(service: &Service, message: T) -> Request<T> {
    let key = service.key(Scope::Write).await;
    let mut request = Request::new(message);
    request.metadata_mut().insert(
        "authorization",
        format!("Bearer {key}").parse().expect("a value"),
    );
    request
}

on_both! {
    async fn a_compressed_stream_is_read(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Packed").await;
        let contacts = (0..300).map(|n| contact(&number(n))).collect();
        let stream = tokio_stream::iter(messages(header(&list).overwrite(), contacts));
        let mut client = ContactListServiceClient::new(connect(&service).await)
            .send_compressed(CompressionEncoding::Gzip);
        let answer = client.update_contact_list_contacts(authorized(&service, stream).await).await;
        assert_eq!(answer.unwrap().into_inner().created_count, 300);
        assert_eq!(admin.members(&list).await.len(), 300);
    }

    async fn an_answer_is_compressed_for_clients_that_accept_it(service: Service) {
        service.admin().create_channel("+12025550100").await;
        let plain = ChannelServiceClient::new(connect(&service).await);
        let packed = plain.clone().accept_compressed(CompressionEncoding::Gzip);
        for (mut client, encoding) in [(plain, None), (packed, Some("gzip"))] {
            let request = authorized(&service, ListChannelsRequest::default()).await;
            let answer = client.list_channels(request).await.unwrap();
            let sent = answer.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap());
            assert_eq!(sent, encoding);
            assert_eq!(answer.into_inner().channels.len(), 1);
        }
    }

    /// A small message can unpack to a large one.
    async fn a_compressed_message_is_measured_unpacked(service: Service) {
        let list = service.admin().create_list("Packed").await;
        let huge = contact(&number(1)).name(&"x".repeat(5 * 1024 * 1024));
        let stream = tokio_stream::iter(messages(header(&list).add(), vec![huge]));
        let mut client = ContactListServiceClient::new(connect(&service).await)
            .send_compressed(CompressionEncoding::Gzip);
        let answer = client.update_contact_list_contacts(authorized(&service, stream).await).await;
        assert_refused(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    }

    async fn the_service_is_reached_over_tls(database: Database) {
        let certificates = Certificates::new();
        let service = certificates.serve(database, false).await;
        call_over(&service, certificates.trust()).await.expect("an answer");
    }

    async fn a_client_can_tell_another_server_from_this_one(database: Database) {
        let service = Certificates::new().serve(database, false).await;
        let others = Certificates::new().trust();
        call_over(&service, others).await.expect_err("the authority is another one");
    }

    async fn with_tls_plain_text_is_not_served(database: Database) {
        let service = Certificates::new().serve(database, false).await;
        let mut caller = service.admin();
        caller.channels.list_channels(ListChannelsRequest::default()).await.expect_err("TLS is asked for");
    }

    async fn with_mutual_tls_a_client_needs_a_certificate_of_the_authority(database: Database) {
        let certificates = Certificates::new();
        let service = certificates.serve(database, true).await;
        let trust = || certificates.trust();
        call_over(&service, trust()).await.expect_err("no certificate");
        let (certificate, key) = Certificates::new().issue();
        let stranger = trust().identity(Identity::from_pem(certificate, key));
        call_over(&service, stranger).await.expect_err("another authority's certificate");
        let (certificate, key) = certificates.issue();
        let known = trust().identity(Identity::from_pem(certificate, key));
        call_over(&service, known).await.expect("an answer");
    }

    async fn a_renewed_certificate_is_used_for_new_connections_and_open_ones_go_on(database: Database) {
        let certificates = Certificates::new();
        let service = certificates.serve(database, false).await;
        let open = connect_over(service.address(), certificates.trust()).await.expect("a connection");
        let renewed = Certificates::new();
        certificates.take("server.pem", &renewed);
        certificates.take("server.key", &renewed);
        until("the new certificate is served", async || call_over(&service, renewed.trust()).await.is_ok()).await;
        call_over(&service, certificates.trust()).await.expect_err("the authority is another one");
        let request = authorized(&service, ListChannelsRequest::default()).await;
        ChannelServiceClient::new(open).list_channels(request).await.expect("a response");
    }

    async fn a_new_authority_of_clients_takes_the_place_of_the_old_one(database: Database) {
        let certificates = Certificates::new();
        let service = certificates.serve(database, true).await;
        let renewed = Certificates::new();
        let client = |of: &Certificates| {
            let (certificate, key) = of.issue();
            certificates.trust().identity(Identity::from_pem(certificate, key))
        };
        call_over(&service, client(&certificates)).await.expect("a response");
        certificates.take("authority.pem", &renewed);
        until("the new authority counts", async || call_over(&service, client(&renewed)).await.is_ok()).await;
        call_over(&service, client(&certificates)).await.expect_err("the authority is another one");
    }

    async fn a_certificate_whose_key_is_not_there_yet_changes_nothing_and_is_logged_once(database: Database) {
        let certificates = Certificates::new();
        let log = certificates.folder.path().join("log");
        let mut command = Program::command(database.url());
        command.args(["--tls-certificate", &certificates.path("server.pem"), "--tls-key", &certificates.path("server.key")]);
        command.stderr(Stdio::from(File::create(&log).expect("a file")));
        let program = Program::start_command(command);
        let log_has = |text: &str| std::fs::read_to_string(&log).expect("a log").matches(text).count();
        let renewed = Certificates::new();
        certificates.take("server.pem", &renewed);
        until("the log says so", async || log_has("tls.reload_failed") > 0).await;
        connect_over(program.address(), certificates.trust()).await.expect("a connection");
        certificates.take("server.key", &renewed);
        until("the pair is used", async || log_has("tls.reloaded") > 0).await;
        connect_over(program.address(), renewed.trust()).await.expect("a connection");
        assert_eq!(log_has("tls.reload_failed"), 1);
    }

    async fn a_client_certificate_is_no_key(database: Database) {
        let certificates = Certificates::new();
        let service = certificates.serve(database, true).await;
        let (certificate, key) = certificates.issue();
        let tls = certificates.trust().identity(Identity::from_pem(certificate, key));
        let endpoint = Endpoint::from_shared(format!("https://{}", service.address())).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
        let refused = ChannelServiceClient::new(channel).list_channels(ListChannelsRequest::default()).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
    }
}
