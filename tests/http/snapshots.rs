//! Snapshots: taking, listing, restoring and deleting them.

use hyper::Method;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn snapshot_is_taken_listed_restored_and_deleted() {
    for server in [Server::start().await, Server::local().await] {
        let client = server.client();
        client.sandbox("w").await;
        let at = "/v1/workspaces/w/snapshots";
        let first = client
            .post(at, json!({"name": "vor dem Umbau"}))
            .await
            .expect(201);
        let second = client
            .post(at, json!({"name": "2/2", "force": true}))
            .await
            .expect(201);
        assert_eq!(second.body["parent"], first.body["id"]);
        let listed = client.get(at).await.expect(200).body;
        assert_eq!(listed["snapshots"], json!([first.body, second.body]));
        let restore = "/v1/workspaces/w/snapshots/VOR%20dem%20Umbau/restore";
        let restored = client
            .send(Method::POST, restore, &[], None)
            .await
            .expect(200);
        assert_eq!(
            restored.body["persistence"]["base_snapshot"],
            first.body["id"]
        );
        let saving = json!({"save_head_as": "saved", "force": false});
        let restored = client.post(restore, saving).await.expect(200);
        assert_eq!(restored.body["persistence"]["snapshot_count"], 3);
        client
            .delete("/v1/workspaces/w/snapshots/2%2F2")
            .await
            .expect(204);
        let gone = client.delete("/v1/workspaces/w/snapshots/2%2F2").await;
        assert_eq!(gone.problem(), (404, "snapshot_not_found"));
    }
}
