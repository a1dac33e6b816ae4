/**
 * A projeção: das mensagens ao que cada servidor tem, sem processos.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Noticia } from "../../exemplos/painel/noticias.ts";
import { Projecao } from "../../exemplos/painel/projecao.ts";
import type { Conteudo } from "../../ferramentas/diagrama/setas.ts";
import type { Registro } from "../../mensagem.ts";

/** Uma corrida de faz de conta, em que cada mensagem sai e chega quando se diz. */
function encenar() {
  const projecao = new Projecao();
  let id = 0;
  const receber = (noticia: Noticia) => projecao.receber(noticia);
  const sai = (
    de: string,
    para: string,
    mensagem: Conteudo,
    ligacao: number | string = de + para,
  ) => {
    receber({ tipo: "saiu", quando: 0, id: ++id, de, para, mensagem, chega: undefined, ligacao });
    return id;
  };
  const chega = (qual: number) => receber({ tipo: "chegou", quando: 0, id: qual });
  const passa = (de: string, para: string, mensagem: Conteudo, ligacao?: number | string) =>
    chega(sai(de, para, mensagem, ligacao));
  const iniciar = (quem: string, tabela: readonly Registro[] = []) =>
    receber({ tipo: "iniciou", quando: 0, quem, tabela });
  const morrer = (quem: string, tabela: readonly Registro[] = []) =>
    receber({ tipo: "morreu", quando: 0, quem, tabela });
  /** Um seguidor entra no grupo. */
  const entrar = (quem: string, timestamp = 0) => {
    passa(quem, "s1", { tipo: "JOIN" });
    passa("s1", quem, { tipo: "LEADER" }, `r${quem}`);
    passa(quem, "s1", { tipo: "LEADER_OK", timestamp }, `r${quem}`);
    passa("s1", quem, { tipo: "SYNC", timestamp }, `r${quem}`);
    passa(quem, "s1", { tipo: "SYNC_OK", timestamp }, `r${quem}`);
    passa("s1", quem, { tipo: "JOIN_OK" }, `j${quem}`);
  };
  const tabela = (quem: string) =>
    projecao.servidor(quem).tabela.map(({ key, value, timestamp, confirmada }) =>
      `${key}=${value}@${timestamp}${confirmada ? "" : "?"}`
    );
  for (const quem of ["s1", "s2", "s3"]) {
    projecao.conhecer(quem, quem === "s1");
    iniciar(quem);
  }
  const emDia = () => ["s1", "s2", "s3"].map((quem) => projecao.servidor(quem).emDia);
  return { projecao, receber, sai, chega, passa, iniciar, morrer, entrar, tabela, emDia };
}

const replication = (key: string, value: string, timestamp: number) => ({
  tipo: "REPLICATION",
  key,
  value,
  timestamp,
});
const ok = (timestamp: number) => ({ tipo: "REPLICATION_OK", timestamp });

Deno.test("Projecao só confirma um PUT quando todos o confirmaram ao líder", () => {
  const { entrar, sai, chega, passa, tabela, emDia } = encenar();
  entrar("s2");
  assertEquals(emDia(), [false, true, false]);
  entrar("s3");
  assertEquals(emDia(), [true, true, true]);
  const [aS2, aS3] = ["s2", "s3"].map((quem) => sai("s1", quem, replication("k", "v", 1)));
  assertEquals([tabela("s1"), tabela("s2")], [["k=v@1?"], []]);
  chega(aS2!);
  passa("s2", "s1", ok(1));
  assertEquals([tabela("s1"), tabela("s2"), tabela("s3")], [["k=v@1?"], ["k=v@1?"], []]);
  chega(aS3!);
  const confirmacao = sai("s3", "s1", ok(1));
  assertEquals(tabela("s3"), ["k=v@1?"]);
  chega(confirmacao);
  assertEquals(["s1", "s2", "s3"].flatMap(tabela), ["k=v@1", "k=v@1", "k=v@1"]);
});

Deno.test("Projecao não confirma, ao pôr em dia o último, o que ainda lhes vai a caminho", () => {
  const { entrar, sai, passa, tabela } = encenar();
  entrar("s2");
  // Com um só em dia, o líder já lhe manda o PUT que esperava; antes dizia-se que estava em todos.
  sai("s1", "s2", replication("k", "v", 1));
  entrar("s3");
  assertEquals(tabela("s1"), ["k=v@1?"]);
  for (const quem of ["s2", "s3"]) {
    if (quem === "s3") sai("s1", "s3", replication("k", "v", 1));
    passa(quem, "s1", ok(1));
  }
  assertEquals(tabela("s1"), ["k=v@1"]);
});

Deno.test("Projecao confirma com o PUT_OK do líder, e não com o do seguidor que o repete", () => {
  const { entrar, sai, passa, tabela, projecao } = encenar();
  entrar("s2");
  entrar("s3");
  sai("s1", "s2", replication("k", "v", 1));
  sai("s2", "x", { tipo: "PUT_OK", key: "k", timestamp: 1 });
  assertEquals(tabela("s1"), ["k=v@1?"]);
  passa("s1", "s2", { tipo: "PUT_OK", key: "k", timestamp: 1 });
  assertEquals(tabela("s1"), ["k=v@1"]);
  assertEquals(projecao.timestamps("s2"), []);
});

Deno.test("Projecao: o líder que volta vazio toma o que busca, e leva-o a quem o não tem", () => {
  const { entrar, passa, morrer, iniciar, tabela, emDia } = encenar();
  entrar("s2");
  entrar("s3");
  passa("s1", "s2", replication("k", "v", 1));
  passa("s2", "s1", ok(1));
  morrer("s1");
  assertEquals([tabela("s1"), tabela("s2"), emDia()], [[], ["k=v@1?"], [false, false, false]]);
  iniciar("s1");
  passa("s1", "s2", { tipo: "FETCH", timestamp: 0 });
  passa("s2", "s1", { tipo: "ENTRY", key: "k", value: "v", timestamp: 1 });
  assertEquals(tabela("s1"), ["k=v@1?"]);
  passa("s1", "s3", { tipo: "ENTRY", key: "k", value: "v", timestamp: 1 });
  assertEquals(tabela("s3"), []);
  passa("s3", "s1", ok(1));
  entrar("s2", 1);
  entrar("s3", 1);
  assertEquals(["s1", "s2", "s3"].flatMap(tabela), ["k=v@1", "k=v@1", "k=v@1"]);
});

Deno.test("Projecao: quem morre fica com o que está em disco, e o LEADER_OK diz o que tem", () => {
  const { entrar, passa, morrer, iniciar, tabela } = encenar();
  entrar("s2");
  entrar("s3");
  for (const [n, key] of ["a", "b"].entries()) {
    for (const quem of ["s2", "s3"]) {
      passa("s1", quem, replication(key, "v", n + 1));
      passa(quem, "s1", ok(n + 1));
    }
  }
  const disco = [{ key: "a", value: "v", timestamp: 1 }];
  morrer("s2", disco);
  assertEquals(tabela("s2"), ["a=v@1"]);
  iniciar("s2", disco);
  assertEquals(tabela("s2"), ["a=v@1"]);
  passa("s3", "s1", { tipo: "LEADER_OK", timestamp: 1 });
  assertEquals(tabela("s3"), ["a=v@1"]);
});

Deno.test("Projecao: um seguidor deixa de estar em dia com a conexão que o pôs, e não com outra", () => {
  const { entrar, receber, passa, emDia, tabela } = encenar();
  entrar("s2");
  entrar("s3");
  const fechar = (ligacao: string) =>
    receber({ tipo: "fechou", quando: 0, de: "s1", para: "s2", ligacao });
  fechar("antiga");
  assertEquals(emDia(), [true, true, true]);
  fechar("rs2");
  assertEquals(emDia(), [true, false, true]);
  passa("s1", "s2", replication("k", "v", 1));
  passa("s2", "s1", ok(1));
  passa("s1", "s2", { tipo: "SYNC", timestamp: 0, descartar: 0 });
  assertEquals(tabela("s2"), []);
});

Deno.test("Projecao guarda o maior timestamp que cada cliente viu de cada key", () => {
  const { passa, sai, projecao, tabela } = encenar();
  const get = (value: string, timestamp: number) => ({
    tipo: "GET_OK",
    key: "k",
    value,
    timestamp,
  });
  passa("s2", "x", get("novo", 5));
  passa("s3", "x", get("velho", 3));
  passa("s3", "x", { tipo: "TRY_OTHER_SERVER_OR_LATER", key: "k", timestamp: 9 });
  sai("s1", "x", get("ainda não chegou", 7));
  assertEquals(projecao.timestamps("x"), [{ key: "k", timestamp: 5 }]);
  // E um GET_OK mostra o que o servidor tem, venha de onde vier.
  assertEquals(tabela("s3"), ["k=velho@3?"]);
});
