import { assert, assertEquals, assertThrows } from "@std/assert";
import { abrirSaude } from "../../lib/saude.ts";

Deno.test("abrirSaude() responde às três portas, e a mais nada", async () => {
  let pronto = false;
  const saude = abrirSaude({ ip: "127.0.0.1", porta: 0 }, {
    estado: () => ({ pronto, motivo: "é assim" }),
    metricas: () => Promise.resolve("a 1\n"),
  });
  const pedir = async (caminho: string, init?: RequestInit) => {
    const resposta = await fetch(`http://${saude.endereco}${caminho}`, init);
    const { status, headers } = resposta;
    return { status, tipo: headers.get("content-type"), corpo: await resposta.text() };
  };
  try {
    assertEquals((await pedir("/livez")).corpo, "vivo\n");
    assertEquals(await pedir("/readyz"), {
      status: 503,
      tipo: "application/json",
      corpo: '{"pronto":false,"motivo":"é assim"}\n',
    });
    pronto = true;
    assertEquals((await pedir("/readyz?verbose")).status, 200);
    assertEquals((await pedir("/readyz", { method: "HEAD" })).corpo, "");
    const tipo = "text/plain; version=0.0.4; charset=utf-8";
    assertEquals(await pedir("/metrics"), { status: 200, tipo, corpo: "a 1\n" });
    assertEquals((await pedir("/outra")).status, 404);
    const [ip, porta] = saude.endereco.split(":") as [string, string];
    const nada = { estado: () => ({ pronto }), metricas: () => "" };
    const erro = assertThrows(() => abrirSaude({ ip, porta: Number(porta) }, nada), Error);
    assert(erro.message.startsWith(`Não é possível atender em ${saude.endereco}: `), erro.message);
  } finally {
    await saude.fechar();
  }
});
