import { assertEquals, assertThrows } from "@std/assert";
import { lerSegredo } from "../../lib/seguranca.ts";

const SEGREDO = "um segredo de teste, bem comprido";

Deno.test("lerSegredo() diz o que há de errado com o arquivo", async () => {
  const pasta = await Deno.makeTempDir();
  const escrever = async (texto: string, mode = 0o600) => {
    const caminho = `${pasta}/${crypto.randomUUID()}`;
    await Deno.writeTextFile(caminho, texto, { mode });
    return caminho;
  };
  assertEquals(lerSegredo(await escrever("0123456789abcdef\r\n")), "0123456789abcdef");
  const curto = await escrever("0123456789abcde\n");
  assertThrows(() => lerSegredo(curto), RangeError, "tem 15 bytes, o mínimo é 16");
  assertThrows(() => lerSegredo(`${pasta}/nada`), Error, "não existe");
  if (Deno.build.os !== "windows") {
    for (const mode of [0o640, 0o604, 0o620]) {
      const aberto = await escrever(SEGREDO, mode);
      // O sistema tira bits ao criar (umask): são postos de novo.
      await Deno.chmod(aberto, mode);
      assertThrows(() => lerSegredo(aberto), Error, "outros podem ler");
    }
  }
  await Deno.remove(pasta, { recursive: true });
});
