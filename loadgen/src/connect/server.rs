//! What the target says of itself, and whether it has the namespace.

use std::time::Duration;

use temporalio_common::protos::temporal::api::enums::v1::NamespaceState;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeNamespaceResponse, GetClusterInfoRequest, GetSystemInfoRequest,
    ListNamespacesRequest,
};
use tonic::{Code, Request, Status};

use super::connected::Service;
use super::endpoint::Endpoint;
use crate::failure::Failure;

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// What the target said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Version of the server; empty when it does not say.
    pub version: String,
    /// Name of the cluster; empty when it does not say, as Temporal Cloud.
    pub cluster: String,
    /// How it stores, `postgres12` for one; empty when it does not say.
    pub persistence: String,
    /// Number of history shards; 0 when it does not say.
    pub history_shards: u32,
    /// How long the namespace keeps closed workflows; zero when it does not say.
    pub retention: Duration,
}

fn question<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(QUESTION);
    request
}

impl Endpoint {
    pub(super) async fn ask(&self, service: &mut Service) -> Result<Server, Failure> {
        let system = match service.get_system_info(question(GetSystemInfoRequest {})).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::Unimplemented => {
                return Err(Failure::io(format!(
                    "the target {} speaks gRPC but is no Temporal frontend: it has no WorkflowService",
                    self.address
                )));
            }
            Err(status) => return Err(self.refusal("GetSystemInfo", &status)),
        };
        // Its name, shards and store are nice to have; Temporal Cloud does not tell them.
        let cluster = service
            .get_cluster_info(question(GetClusterInfoRequest {}))
            .await
            .map(|answer| answer.into_inner())
            .unwrap_or_default();
        let namespace = self.describe_namespace(service).await?;
        let retention = namespace.config.and_then(|config| config.workflow_execution_retention_ttl);
        Ok(Server {
            version: system.server_version,
            cluster: cluster.cluster_name,
            persistence: cluster.persistence_store,
            history_shards: u32::try_from(cluster.history_shard_count).unwrap_or(0),
            retention: retention.and_then(|ttl| Duration::try_from(ttl).ok()).unwrap_or_default(),
        })
    }

    async fn describe_namespace(&self, service: &mut Service) -> Result<DescribeNamespaceResponse, Failure> {
        let request = DescribeNamespaceRequest { namespace: self.namespace.value.clone(), ..Default::default() };
        let answer = match service.describe_namespace(question(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => {
                let known = self.namespaces(service).await;
                return Err(Failure::io(format!(
                    "the target {} has no namespace {}. {known}",
                    self.address, self.namespace
                )));
            }
            Err(status) => return Err(self.refusal("DescribeNamespace", &status)),
        };
        let state = answer.namespace_info.as_ref().map(|info| info.state());
        if matches!(state, Some(NamespaceState::Deprecated | NamespaceState::Deleted)) {
            return Err(Failure::io(format!("the namespace {} at {} is being deleted", self.namespace, self.address)));
        }
        Ok(answer)
    }

    /// The namespaces there are, when we may know them: a sentence.
    async fn namespaces(&self, service: &mut Service) -> String {
        let request = ListNamespacesRequest { page_size: 100, ..Default::default() };
        let Ok(answer) = service.list_namespaces(question(request)).await else {
            return "Which ones it has is not for this client to know; name one with --namespace or TEMPORAL_NAMESPACE"
                .to_owned();
        };
        let answer = answer.into_inner();
        let infos = answer.namespaces.into_iter().filter_map(|namespace| namespace.namespace_info);
        let mut names: Vec<String> = infos.map(|info| info.name).filter(|name| name != "temporal-system").collect();
        names.sort();
        if names.is_empty() {
            return format!(
                "It has none: create it with `temporal operator namespace create -n {}`",
                self.namespace.value
            );
        }
        let more = if names.len() > 20 || !answer.next_page_token.is_empty() { ", …" } else { "" };
        names.truncate(20);
        format!("It has: {}{more}. Name one of them with --namespace or TEMPORAL_NAMESPACE", names.join(", "))
    }

    /// An error answer as a message.
    pub(super) fn refusal(&self, question: &str, status: &Status) -> Failure {
        let address = &self.address;
        let key = match &self.api_key {
            Some(key) => format!("the API key ({})", key.origin),
            None => "no API key".to_owned(),
        };
        let certificate = match self.tls.as_ref().and_then(|tls| tls.identity.as_ref()) {
            Some((cert, _)) => format!("the client certificate ({})", cert.origin),
            None => "no client certificate".to_owned(),
        };
        // A server may echo what it was sent.
        let said = self.without_secrets(status.message());
        Failure::io(match status.code() {
            Code::Unauthenticated => {
                format!("the target {address} does not know who we are ({said}): it was given {key} and {certificate}")
            }
            Code::PermissionDenied => format!(
                "the target {address} denies {question} in namespace {}: {said}. It was given {key} and {certificate}; ask for the right to \
                 write in this namespace, or use another",
                self.namespace
            ),
            Code::DeadlineExceeded | Code::Cancelled => format!(
                "the target {address} did not answer {question} within {} s: it is up, but its history, matching or database may not be",
                QUESTION.as_secs()
            ),
            Code::Unavailable => format!("the target {address} cannot serve {question} now: {said}"),
            Code::ResourceExhausted => {
                format!("the target {address} limits {question}: {said}. Someone else may be using it up")
            }
            code => format!("the target {address} answered {question} with {code:?}: {said}"),
        })
    }

    fn without_secrets(&self, text: &str) -> String {
        let headers = self.headers.iter().map(|(_, value)| &value.value);
        let secrets = self.api_key.iter().map(|key| &key.value).chain(headers);
        secrets
            .filter_map(|secret| secret.expose_text().filter(|secret| !secret.is_empty()))
            .fold(text.to_owned(), |text, secret| text.replace(secret, "<secret>"))
    }
}
