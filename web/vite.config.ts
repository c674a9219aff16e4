import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // below whatever path the page stands
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the policy allows nothing inline
    modulePreload: false,
    reportCompressedSize: false,
  },
});
