// Shows openapi.json with Swagger UI, from this server alone.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null, // The validator would send the document to another server.
});
