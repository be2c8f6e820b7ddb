//! The flags of every command that talks to a target.

use std::path::PathBuf;

/// Where the target is and who we are to it. What is not given comes from the environment, then from `temporal.toml`.
///
/// No flag takes a secret itself: other users of the machine see a command line.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Target")]
pub struct ConnectFlags {
    /// Frontend's address, HOST:PORT [env: TEMPORAL_ADDRESS, TEMPORAL_HOST, TEMPORAL_CLUSTER_URL] [default: localhost:7233]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,

    /// Namespace [env: TEMPORAL_NAMESPACE] [default: default]
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Speak TLS; on by itself when a certificate or an API key is given [env: TEMPORAL_TLS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls: Option<bool>,

    /// PEM file with the authority that signed the server's certificate [env: TEMPORAL_TLS_SERVER_CA_CERT_PATH]
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,

    /// PEM file with the client's certificate, for mTLS [env: TEMPORAL_TLS_CLIENT_CERT_PATH]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the client's private key, for mTLS [env: TEMPORAL_TLS_CLIENT_KEY_PATH]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Name the server's certificate must have, when it is not the address [env: TEMPORAL_TLS_SERVER_NAME]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,

    /// File with the API key [env: TEMPORAL_API_KEY has the key itself]
    #[arg(long, value_name = "FILE", conflicts_with = "api_key_env")]
    pub api_key_file: Option<PathBuf>,

    /// Name of the environment variable with the API key
    #[arg(long, value_name = "NAME")]
    pub api_key_env: Option<String>,

    /// Temporal's configuration file [env: TEMPORAL_CONFIG_FILE] [default: temporalio/temporal.toml in the user's configuration directory]
    #[arg(long, value_name = "FILE")]
    pub temporal_config: Option<PathBuf>,

    /// Profile of that file [env: TEMPORAL_PROFILE] [default: default]
    #[arg(long, value_name = "NAME")]
    pub temporal_profile: Option<String>,
}
