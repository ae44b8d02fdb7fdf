//! HTTP: routes, the shape of refusals, cookies, pages. Thin: a handler takes a permission and a body, and calls a service.

mod body;
pub mod cookie;
mod events;
mod guest;
mod identity;
mod invites;
mod marks;
mod pages;
mod photos;
mod refusal;
mod sessions;
mod uploads;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use handlens_protocol::{Kind, Problem};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use body::Body;
pub use refusal::Refusal;

use crate::access::guard;
use crate::app::App;
use crate::refusals;

/// The API's description, `/api/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Handlens",
        description = "Open AR remote assistance. Errors are RFC 9457 problem details with a stable `code`.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(
        handlens_protocol::api::StaffEvent,
        handlens_protocol::api::GuestEvent,
        handlens_protocol::state::SessionState,
        Problem
    ))
)]
struct Description;

/// The description of every route, made from the handlers.
pub fn description() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(identity::health))
        .routes(routes!(identity::setup_state, identity::set_up))
        .routes(routes!(identity::log_in))
        .routes(routes!(identity::log_out))
        .routes(routes!(identity::me))
        .routes(routes!(invites::peek))
        .routes(routes!(invites::redeem))
        .routes(routes!(invites::refuse))
        .routes(routes!(invites::again))
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::read))
        .routes(routes!(sessions::events))
        .routes(routes!(sessions::invite))
        .routes(routes!(sessions::revoke_invite))
        .routes(routes!(sessions::admit))
        .routes(routes!(sessions::decline))
        .routes(routes!(sessions::freeze))
        .routes(routes!(sessions::unfreeze))
        .routes(routes!(marks::commit))
        .routes(routes!(marks::undo))
        .routes(routes!(marks::clear))
        .routes(routes!(sessions::read_note, sessions::write_note))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::read_log))
        .routes(routes!(sessions::ticket))
        .routes(routes!(sessions::realtime))
        .routes(routes!(photos::ask))
        .routes(routes!(photos::read))
        .routes(routes!(guest::view))
        .routes(routes!(guest::events))
        .routes(routes!(guest::consent))
        .routes(routes!(guest::leave))
        .routes(routes!(guest::feedback))
        .routes(routes!(guest::ticket))
        .routes(routes!(guest::realtime))
        .routes(routes!(photos::decline))
        .routes(routes!(uploads::announce))
        .routes(routes!(uploads::progress, uploads::append))
        .routes(routes!(uploads::receipt))
}

/// Every route of the server, guarded, with the pages.
pub fn router(app: App) -> Router {
    let (routes, description) = api().split_for_parts();
    let routes = routes
        .route("/api/openapi.json", get(async move || axum::Json(description.clone())))
        .route_layer(from_fn_with_state(app.clone(), guard))
        .route_layer(from_fn(uploads::protocol))
        .method_not_allowed_fallback(async || {
            Refusal(Problem::new(Kind::MethodNotAllowed, "This address does not take that method."))
        });
    // Scripts shrink to a third. Answers of the API stay as they are: they hold secrets beside what others chose (BREACH).
    let pages = Router::new().fallback(pages::page).layer(CompressionLayer::new());
    Router::new()
        .merge(routes)
        .route(
            "/api/{*rest}",
            axum::routing::any(async || Refusal(Problem::new(Kind::NotFound, "There is nothing at this address."))),
        )
        .fallback_service(pages)
        .layer(from_fn_with_state(app.clone(), pages::headers))
        .layer(from_fn(body::bounded))
        .layer(from_fn_with_state(app.clone(), refusals::counted))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use crate::access::row;

    /// A route without a row in the policy table would be dead; a handler that is added must be given one.
    #[test]
    fn every_route_has_a_rule() {
        let description = super::description();
        let mut routes = 0;
        for (path, item) in &description.paths.paths {
            for (method, there) in [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("HEAD", item.head.is_some()),
                ("PATCH", item.patch.is_some()),
            ] {
                if there {
                    assert!(row(method, path).is_some(), "{method} {path} has no row in access::TABLE");
                    routes += 1;
                }
            }
            assert!(item.delete.is_none() && item.trace.is_none(), "{path}: teach this test the method");
        }
        // And the other way: no rule for a route that is not there. The description itself is the one route outside it.
        assert_eq!(routes + 1, crate::access::TABLE.len());
    }
}
