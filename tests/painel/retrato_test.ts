import { assertEquals } from "@std/assert";
import { resumoDaPagina, resumoDoRetrato, RETRATO } from "../../ferramentas/retrato.ts";

Deno.test("docs/painel.png é da página de agora; se ela mudou: deno task retrato", async () => {
  assertEquals(resumoDoRetrato(await Deno.readFile(RETRATO)), await resumoDaPagina());
});
